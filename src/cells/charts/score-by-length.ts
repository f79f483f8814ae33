import { type Figure, figure, type Trace } from "../figure.js";
import { COLOURS, fixed, titled } from "../style.js";
import { namesOfSeries } from "./lanes.js";

/** One response: how long it is and what it scored. */
export type LengthScore = { configuration: string; length: number; score: number; id?: string };

export type ScoreLengthOptions = {
  title?: string;
  subtitle?: string;
  /** Rank correlation of length and score, said below the title. */
  correlation?: number;
  /** A straight line for each configuration, by least squares. Default true. */
  lines?: boolean;
  unit?: string;
  lengthUnit?: string;
};

/** With the colours they tell 24 series apart. */
export const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon"];

/** Score by length of the response, a mark a response, shape and colour by configuration: does the score only reward length? */
export function scoreByLength(rows: readonly LengthScore[], options: ScoreLengthOptions = {}): Figure {
  const { title = "Score and length", subtitle, correlation, lines = true, unit = "EQ score", lengthUnit = "words" } = options;
  const configurations = [...new Set(rows.map(({ configuration }) => configuration))];
  const opacity = Math.max(0.25, Math.min(0.7, 150 / rows.length));
  const size = rows.length > 400 ? 5 : 8;
  const data = configurations.flatMap((configuration, i): Trace[] => {
    const own = rows.filter((row) => row.configuration === configuration);
    const fit = lines ? leastSquares(own) : null;
    const color = COLOURS[i % COLOURS.length];
    const marks: Trace = {
      ...{ type: "scatter", mode: "markers", name: configuration, legendgroup: configuration },
      x: own.map(({ length }) => length),
      y: own.map(({ score }) => score),
      text: own.map(({ id = "" }) => id),
      marker: { color, symbol: SYMBOLS[i % SYMBOLS.length], size, opacity },
      hovertemplate: `${configuration} %{text}: %{y:.3f}, %{x} ${lengthUnit}<extra></extra>`,
    };
    if (!fit) return [marks];
    const name = `${configuration}: ${fixed(10 * fit.slope, 3)} per 10 ${lengthUnit}`;
    const line = { color, width: 2.5, dash: i < COLOURS.length ? "solid" : "dot" };
    const through = {
      ...{ type: "scatter", mode: "lines", name, legendgroup: configuration, hoverinfo: "skip" },
      x: fit.x,
      y: fit.y,
      line,
    };
    return [{ ...marks, showlegend: false }, through];
  });
  const names = data.filter(({ showlegend }) => showlegend !== false).map(({ name }) => String(name));
  const { legend, right, bottom } = namesOfSeries(names);
  return figure(data, {
    title: titled(title, subtitle ?? (correlation === undefined ? "" : correlated(correlation, rows.length))),
    width: 760 + right - 24,
    height: Math.max(420 + bottom, 160 + 20 * names.length),
    margin: { l: 64, r: right, t: 72, b: 60 + bottom },
    showlegend: configurations.length > 1,
    legend,
    xaxis: { title: { text: `length of the response (${lengthUnit})` }, rangemode: "tozero" },
    yaxis: { title: { text: unit } },
  });
}

const correlated = (rho: number, n: number): string =>
  `Spearman's ρ ${fixed(rho)} over ${n} responses; near 0 is what an honest score shows`;

/** The line through the points over their own range; `null` where they have one length only. */
function leastSquares(rows: readonly LengthScore[]): { slope: number; x: number[]; y: number[] } | null {
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const lengths = rows.map(({ length }) => length);
  const [middle, height] = [mean(lengths), mean(rows.map(({ score }) => score))];
  const square = lengths.reduce((sum, length) => sum + (length - middle) ** 2, 0);
  if (rows.length < 3 || square === 0) return null;
  const slope = rows.reduce((sum, { length, score }) => sum + (length - middle) * (score - height), 0) / square;
  const x = [Math.min(...lengths), Math.max(...lengths)];
  return { slope, x, y: x.map((at) => height + slope * (at - middle)) };
}
