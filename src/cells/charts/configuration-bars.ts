import { type Figure, figure } from "../figure.js";
import { DIM, fixed, GREY, INK, SOFT_BLUE, SOFT_GREY, titled, WIDTH } from "../style.js";
import { textWidth } from "../text-box.js";

/** The score of one configuration; `low` and `high` bound its interval, `kind: "control"` marks what no model produced. */
export type ConfigurationScore = { configuration: string; score: number; low?: number; high?: number; kind?: "system" | "control" };

const RIGHT = 24;

/** One bar a configuration in the given order, with its interval and its number; controls are grey. */
export function configurationBars(
  rows: readonly ConfigurationScore[],
  { title = "Configurations", subtitle = "", unit = "EQ score", digits = 3 } = {},
): Figure {
  const ends = rows.map(({ score, low = score, high = score }) => [Math.min(low, 0), Math.max(high, score)] as const);
  const [least, most] = [Math.min(0, ...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high), 0)];
  const written = ({ score, low, high }: ConfigurationScore) =>
    `${fixed(score, digits)}${low !== undefined && high !== undefined ? `  [${fixed(low, digits)}, ${fixed(high, digits)}]` : ""}`;
  const left = Math.max(...rows.map(({ configuration }) => textWidth(configuration, 13)), 40) + 24;
  // The widest number begins where the longest bar ends.
  const share = (Math.max(...rows.map((row) => textWidth(written(row), 13))) + 8) / (WIDTH - left - RIGHT);
  const room = ((most - least || 1) * share) / (1 - Math.min(share, 0.8));
  const bar = {
    type: "bar",
    orientation: "h",
    name: unit,
    x: rows.map(({ score }) => score),
    y: rows.map(({ configuration }) => configuration),
    marker: { color: rows.map(({ kind }) => (kind === "control" ? SOFT_GREY : SOFT_BLUE)) },
    error_x: {
      type: "data",
      symmetric: false,
      array: rows.map(({ score, high = score }) => high - score),
      arrayminus: rows.map(({ score, low = score }) => score - low),
      color: INK,
      thickness: 1.5,
      width: 5,
    },
    hovertemplate: `%{y}: %{x:.${digits}f}<extra></extra>`,
  };
  const numbers = rows.map(({ configuration, score, low, high }, i) => ({
    text: `<b>${fixed(score, digits)}</b>${low !== undefined && high !== undefined ? `  <span style="color:${DIM}">[${fixed(low, digits)}, ${fixed(high, digits)}]</span>` : ""}`,
    x: ends[i]![1],
    y: configuration,
    showarrow: false,
    xanchor: "left",
    align: "left",
    xshift: 8,
    font: { size: 12 },
  }));
  return figure([bar], {
    title: titled(title, subtitle || (rows.some(({ low }) => low !== undefined) ? "Lines: 95 % intervals" : "")),
    height: 150 + 42 * Math.max(rows.length, 2),
    margin: { l: left, r: RIGHT, t: 72, b: 56 },
    showlegend: false,
    xaxis: { title: { text: unit }, range: [least, most + room], zeroline: true, zerolinecolor: GREY },
    yaxis: { autorange: "reversed", showgrid: false, ticks: "", showline: false, automargin: false },
    annotations: numbers,
  });
}
