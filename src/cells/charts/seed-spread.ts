import type { Interval } from "../../eval/bootstrap.js";
import { type Figure, figure, type Trace } from "../figure.js";
import { DIM, fixed, RED, SOFT_BLUE, titled } from "../style.js";
import { around, lanes } from "./lanes.js";

/** A configuration's mean with the interval over the questions, and the mean of each seed. */
export type SeedScores = { name: string; score: Interval; seeds: readonly number[] };

/** Two sources of chance that are never added up: the band is the interval over the questions, the ticks are the seeds' own means. */
export function seedSpread(
  rows: readonly SeedScores[],
  { title = "Spread over questions and over seeds", subtitle = "", unit = "EQ score", digits = 3 } = {},
): Figure {
  const { places, left, axis, height } = lanes(rows.map(({ name }) => name));
  const band: Trace = {
    ...{ type: "bar", orientation: "h", name: "95 % interval over questions", width: 0.34, hoverinfo: "skip" },
    base: rows.map(({ score }) => score.low),
    x: rows.map(({ score }) => score.high - score.low),
    y: places,
    marker: { color: SOFT_BLUE },
  };
  const means: Trace = {
    ...{ type: "scatter", mode: "markers", name: "mean" },
    x: rows.map(({ score }) => score.mean),
    y: places,
    marker: { color: "#12324a", size: 9, symbol: "diamond" },
    hovertemplate: `mean %{x:.${digits}f}<extra></extra>`,
  };
  const seeds: Trace = {
    ...{ type: "scatter", mode: "markers", name: "one seed" },
    x: rows.flatMap(several),
    y: rows.flatMap((row, i) => several(row).map(() => places[i]! + 0.3)),
    marker: { color: RED, size: 9, symbol: "line-ns-open", line: { color: RED, width: 2 } },
    hovertemplate: `one seed: %{x:.${digits}f}<extra></extra>`,
  };
  return figure([band, means, seeds], {
    title: titled(
      title,
      subtitle ||
        (rows.some((row) => several(row).length > 0)
          ? "Band: 95 % interval over questions; diamond: mean; red ticks: each seed's own mean"
          : "Band: 95 % interval over questions; one seed, so its spread cannot be told"),
    ),
    height: height(84, 58, 38),
    margin: { l: left, r: 150, t: 84, b: 58 },
    showlegend: false,
    xaxis: {
      title: { text: unit },
      range: around(
        rows.flatMap(({ score, seeds: own }) => [score.low, score.high, ...own]),
        { zero: false },
      ),
    },
    yaxis: axis,
    annotations: rows.map((row, i) => ({
      ...{
        text: spreadText(row.seeds, digits),
        x: 1,
        xref: "paper",
        y: places[i],
        xanchor: "left",
        align: "left",
        xshift: 12,
        showarrow: false,
      },
      font: { size: 12, color: DIM },
    })),
  });
}

/** A single seed is the mean itself. */
const several = ({ seeds }: SeedScores): readonly number[] => (seeds.length > 1 ? seeds : []);

function spreadText(seeds: readonly number[], digits: number): string {
  if (seeds.length < 2) return "one seed";
  const mean = seeds.reduce((sum, value) => sum + value, 0) / seeds.length;
  const deviation = Math.sqrt(seeds.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (seeds.length - 1));
  return `${seeds.length} seeds, SD ${fixed(deviation, digits)}`;
}
