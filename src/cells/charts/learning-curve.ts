import { type Figure, figure, type Trace } from "../figure.js";
import { COLOURS, DIM, fixed, GREY, titled } from "../style.js";
import { textWidth } from "../text-box.js";
import { extent, spread } from "./curve.js";
import { around, lanes } from "./lanes.js";
import { SYMBOLS } from "./score-by-length.js";

/** What a head, or the control, scores after learning from `examples` texts; `low` and `high` bound its interval. */
export type LearningPoint = { name: string; examples: number; score: number; low?: number; high?: number };

/** Score by number of training texts (log scale), a line a head; the control is among them, grey and dashed. */
export function learningCurve(
  rows: readonly LearningPoint[],
  { title = "Learning curve", subtitle = "", unit = "macro-F1", control = "" } = {},
): Figure {
  const names = [...new Set(rows.map(({ name }) => name))];
  const series = names.map((name, i) => {
    const own = rows.filter((row) => row.name === name).sort((a, b) => a.examples - b.examples);
    return { name, own, colour: name === control ? GREY : COLOURS[i % COLOURS.length]!, symbol: SYMBOLS[i % SYMBOLS.length] };
  });
  const data: Trace[] = series.map(({ name, own, colour, symbol }) => ({
    ...{ type: "scatter", mode: "lines+markers", name, cliponaxis: false },
    x: own.map(({ examples }) => examples),
    y: own.map(({ score }) => score),
    line: { color: colour, width: 2.5, dash: name === control ? "dash" : "solid" },
    marker: { color: colour, symbol, size: 9 },
    ...(own.some(({ low }) => low !== undefined) && {
      error_y: {
        ...{ type: "data", symmetric: false, color: colour, thickness: 1.2, width: 4 },
        array: own.map(({ score, high = score }) => high - score),
        arrayminus: own.map(({ score, low = score }) => score - low),
      },
    }),
    hovertemplate: `${name}: %{y:.3f} from %{x} texts<extra></extra>`,
  }));
  const ends = series.map(({ own }) => own.at(-1)?.score ?? 0);
  const heights = spread(ends, 0.07 * (extent(rows.flatMap(({ score, low = score, high = score }) => [low, high])) || 1));
  const sizes = [...new Set(rows.map(({ examples }) => examples))].sort((a, b) => a - b);
  const last = sizes.at(-1) ?? 1;
  const texts = series.map(({ name }, i) => `${name} ${fixed(ends[i]!, 3)}`);
  return figure(data, {
    title: titled(title, subtitle || (control ? `Dashed: ${control}; a head below it adds nothing` : "")),
    showlegend: false,
    margin: { l: 64, r: Math.max(80, ...texts.map((text) => textWidth(text, 13))) + 24, t: 72, b: 56 },
    width: 860,
    xaxis: {
      type: "log",
      title: { text: "training texts" },
      tickvals: sizes,
      ticktext: sizes.map((size) => size.toLocaleString("en-US")),
      range: [Math.log10((sizes[0] ?? 1) * 0.9), Math.log10(last)],
    },
    yaxis: { title: { text: unit }, rangemode: "tozero" },
    annotations: texts.map((text, i) => ({
      ...{
        text,
        x: Math.log10(series[i]!.own.at(-1)?.examples ?? last),
        y: heights[i],
        showarrow: false,
        xanchor: "left",
        align: "left",
        xshift: 12,
      },
      font: { size: 13, color: series[i]!.colour === GREY ? DIM : series[i]!.colour },
    })),
  });
}

/** What a head is worth and what it takes: `seconds` to make it, texts embedded and all. */
export type HeadCost = { name: string; score: number; low?: number; high?: number; seconds: number; kind?: "head" | "control" };

/** Two panels with one lane a head: score with interval, and seconds on a log scale. */
export function headCosts(
  rows: readonly HeadCost[],
  { title = "Heads: what they score and what they cost", subtitle = "", unit = "macro-F1" } = {},
): Figure {
  const { places, left, axis, height } = lanes(rows.map(({ name }) => name));
  const colours = rows.map(({ kind }) => (kind === "control" ? GREY : COLOURS[0]));
  const isControl = rows.map(({ kind }) => kind === "control");
  const [least, most] = [Math.min(1, ...rows.map(({ seconds }) => seconds)), Math.max(10, ...rows.map(({ seconds }) => seconds))];
  const scores: Trace = {
    ...{ type: "scatter", mode: "markers", name: unit, y: places },
    x: rows.map(({ score }) => score),
    marker: { color: colours, size: 11 },
    error_x: {
      ...{ type: "data", symmetric: false, color: DIM, thickness: 1.4, width: 5 },
      array: rows.map(({ score, high = score }) => high - score),
      arrayminus: rows.map(({ score, low = score }) => score - low),
    },
    hovertemplate: "%{x:.3f}<extra></extra>",
  };
  const costs: Trace = {
    ...{ type: "scatter", mode: "markers+text", name: "seconds", y: places, xaxis: "x2", cliponaxis: false, textposition: "middle right" },
    x: rows.map(({ seconds }) => Math.max(seconds, 0.01)),
    text: rows.map(({ seconds }) => `  ${seconds < 10 ? fixed(seconds, 1) : fixed(seconds, 0)} s`),
    textfont: { size: 12, color: DIM },
    marker: { color: colours, size: 10, symbol: "square" },
    hovertemplate: "%{x:.1f} s<extra></extra>",
  };
  // A control's line reaches over its own lane and those of the heads above it, which learnt the same task.
  const rules = rows.flatMap(({ score }, i) =>
    isControl[i]
      ? {
          ...{ type: "line", x0: score, x1: score, y0: isControl.slice(0, i).lastIndexOf(true) + 0.5 },
          ...{ y1: i + 0.5, line: { color: GREY, width: 1.5, dash: "dash" } },
        }
      : [],
  );
  return figure([scores, costs], {
    title: titled(
      title,
      subtitle || (rules.length > 0 ? "95 % intervals; grey and dashed: the control that reads no embeddings" : "95 % intervals"),
    ),
    width: Math.max(760, left + 560),
    height: height(84, 58, 34),
    margin: { l: left, r: 60, t: 84, b: 58 },
    showlegend: false,
    xaxis: { domain: [0, 0.55], title: { text: unit }, range: around(rows.flatMap(({ score, low, high }) => [score, low, high])) },
    xaxis2: {
      domain: [0.64, 1],
      type: "log",
      dtick: 1,
      anchor: "y",
      title: { text: "seconds (log)" },
      range: [Math.floor(Math.log10(Math.max(least, 0.01))), Math.ceil(Math.log10(most * 1.5))],
    },
    yaxis: { ...axis, showgrid: true },
    shapes: rules,
  });
}
