import { type Figure, figure, type Trace } from "../figure.js";
import { COLOURS, DIM, fixed, titled } from "../style.js";
import { textWidth } from "../text-box.js";
import { nothing } from "./forest-plot.js";
import { SYMBOLS } from "./score-by-length.js";

/** The mean EQ score of one configuration with one label set and one weight of the alignment. */
export type RankedScore = { labelSet: string; weight: number; name: string; eq: number; rank: number };

/**
 * Ranks of the configurations by label set and weight: lines that cross say that the order is the formula's, not the models'. The first
 * setting in `rows` is the one of the headline.
 */
export function rankChanges(
  rows: readonly RankedScore[],
  { title = "Does the order survive another formula?", subtitle = "" } = {},
): Figure {
  const settings = [...new Map(rows.map((row) => [`${row.labelSet}\n${row.weight}`, row])).values()].sort(
    (a, b) => a.labelSet.localeCompare(b.labelSet) || a.weight - b.weight,
  );
  const names = [...new Set(rows.map(({ name }) => name))];
  const of = (name: string, { labelSet, weight }: RankedScore): RankedScore | undefined =>
    rows.find((row) => row.name === name && row.labelSet === labelSet && row.weight === weight);
  const data: Trace[] = names.map((name, i) => {
    const own = settings.map((setting) => of(name, setting));
    return {
      ...{ type: "scatter", mode: "lines+markers", name, x: settings.map((_, at) => at), cliponaxis: false },
      y: own.map((row) => row?.rank ?? null),
      text: own.map((row) => fixed(row?.eq ?? Number.NaN, 3)),
      line: { color: COLOURS[i % COLOURS.length], width: 2, dash: i < COLOURS.length ? "solid" : "dot" },
      marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 9 },
      hovertemplate: `${name}: rank %{y}, EQ %{text}<extra></extra>`,
    };
  });
  const ends = names.map((name, i) => ({
    name,
    colour: COLOURS[i % COLOURS.length]!,
    last: settings.length > 0 ? of(name, settings.at(-1)!) : undefined,
  }));
  const right = Math.max(60, ...names.map((name) => textWidth(name, 12))) + 28;
  return figure(data, {
    title: titled(title, subtitle || changes(rows, settings.length)),
    width: Math.max(760, 90 + 62 * settings.length + right),
    height: 190 + 26 * Math.max(names.length, 4),
    margin: { l: 64, r: right, t: 84, b: 86 },
    showlegend: false,
    xaxis: {
      tickvals: settings.map((_, i) => i),
      ticktext: settings.map(({ weight }) => `w = ${weight}`),
      range: [-0.3, settings.length - 0.7],
      showgrid: false,
      tickfont: { size: 12 },
    },
    yaxis: { title: { text: "rank" }, range: [names.length + 0.5, 0.5], dtick: names.length > 8 ? 2 : 1, tick0: 1 },
    shapes: borders(settings),
    annotations: [
      ...groups(settings),
      ...ends.flatMap(({ name, colour, last }) =>
        last
          ? [
              {
                text: name,
                x: settings.length - 1,
                y: last.rank,
                showarrow: false,
                xanchor: "left",
                align: "left",
                xshift: 12,
                font: { size: 12, color: readable(colour) },
              },
            ]
          : [],
      ),
      ...(rows.length === 0 ? [nothing("One formula only: nothing to compare.")] : []),
    ],
  });
}

/** Yellow text is not legible on white. */
const readable = (colour: string): string => (colour === "#f0e442" ? DIM : colour);

/** Each label set's name below its weights. */
function groups(settings: readonly RankedScore[]): object[] {
  return [...new Set(settings.map(({ labelSet }) => labelSet))].map((labelSet) => {
    const own = settings.flatMap((setting, i) => (setting.labelSet === labelSet ? [i] : []));
    const middle = (own[0]! + own.at(-1)!) / 2;
    return { text: `<b>${labelSet}</b>`, x: middle, y: 0, yref: "paper", yshift: -46, showarrow: false, font: { size: 12 } };
  });
}

const borders = (settings: readonly RankedScore[]): object[] =>
  settings.flatMap(({ labelSet }, i) =>
    i > 0 && settings[i - 1]!.labelSet !== labelSet
      ? [{ type: "line", x0: i - 0.5, x1: i - 0.5, y0: 0, y1: 1, yref: "paper", line: { color: "#b8bdc4", width: 1, dash: "dot" } }]
      : [],
  );

function changes(rows: readonly RankedScore[], settings: number): string {
  const best = new Map<string, RankedScore>();
  for (const row of rows) {
    const key = `${row.labelSet}\n${row.weight}`;
    if (row.rank < (best.get(key)?.rank ?? Number.POSITIVE_INFINITY)) best.set(key, row);
  }
  const winners = new Set([...best.values()].map(({ name }) => name));
  const all = new Set(rows.map(({ name }) => name));
  return `The first rank goes to ${winners.size} of ${all.size} configurations over ${settings} formulas; w: weight of the alignment`;
}
