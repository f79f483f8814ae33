import { type Figure, figure, type Trace } from "../figure.js";
import { BLUE, fixed, GREEN, GREY, label, RED, titled } from "../style.js";
import { calmSpan, extent, runningMean, spread } from "./curve.js";

/** One DPO step; what is not a number is left out. Rewards are β times the log-probability ratio of policy and reference; accuracy is the part of pairs with a positive margin. */
export type DpoStep = {
  step: number;
  chosenReward: number;
  rejectedReward: number;
  margin: number;
  accuracy: number;
  chosenLogProb?: number;
};

/** Rewards and margin above, accuracy below; with `chosenLogProb` also a panel that shows whether the chosen replies lose probability. */
export function dpoCurves(rows: readonly DpoStep[], { title = "Preference training" } = {}): Figure {
  const withLogProb = rows.some(({ chosenLogProb }) => Number.isFinite(chosenLogProb));
  const last = rows.at(-1);
  const span = calmSpan(rows.length);
  const series: { key: keyof DpoStep; name: string; colour: string; axis: string; digits: number }[] = [
    { key: "margin", name: "margin", colour: GREEN, axis: "y", digits: 2 },
    { key: "chosenReward", name: "chosen", colour: BLUE, axis: "y", digits: 2 },
    { key: "rejectedReward", name: "rejected", colour: RED, axis: "y", digits: 2 },
    { key: "accuracy", name: "accuracy", colour: BLUE, axis: "y2", digits: 2 },
  ];
  if (withLogProb) series.push({ key: "chosenLogProb", name: "log p(chosen)", colour: BLUE, axis: "y3", digits: 1 });
  const steps = rows.map(({ step }) => step);
  const data: Trace[] = series.map(({ key, name, colour, axis }) => ({
    type: "scatter",
    mode: "lines",
    name,
    x: steps,
    y: runningMean(
      rows.map((row) => (Number.isFinite(row[key]) ? row[key]! : null)),
      span,
    ),
    line: { color: colour, width: 2.5 },
    yaxis: axis,
    hovertemplate: `${name}: %{y:.3f} at step %{x}<extra></extra>`,
  }));
  const ends = data.map((trace) => (trace.y as (number | null)[]).findLast((value) => value !== null) ?? 0);
  const rewards = data.slice(0, 3).flatMap((trace) => trace.y as (number | null)[]);
  const heights = [...spread(ends.slice(0, 3), 0.1 * extent(rewards)), ...ends.slice(3)];
  const annotations = series.map(({ name, colour, axis, digits }, i) =>
    label(`${name} ${fixed(ends[i]!, digits)}`, last?.step ?? 0, heights[i], colour, { yref: axis }),
  );
  const domains = withLogProb
    ? [
        [0.56, 1],
        [0.28, 0.48],
        [0, 0.2],
      ]
    : [
        [0.4, 1],
        [0, 0.3],
      ];
  const level = (at: number, axis: string): object => ({
    type: "line",
    layer: "below",
    x0: 0,
    x1: 1,
    xref: "paper",
    y0: at,
    y1: at,
    yref: axis,
    line: { color: GREY, width: 1.2, dash: "dot" },
  });
  return figure(data, {
    title: titled(title, span > 1 ? `Running means over ${span} steps; dotted: no preference` : "Dotted: no preference"),
    height: withLogProb ? 600 : 480,
    showlegend: false,
    margin: { l: 70, r: 150, t: 72, b: 56 },
    xaxis: { title: { text: "step" }, range: [0, Math.max(1, last?.step ?? 0)], anchor: withLogProb ? "y3" : "y2" },
    yaxis: { title: { text: "reward" }, domain: domains[0] },
    yaxis2: { title: { text: "accuracy" }, domain: domains[1], range: [0, 1.05], dtick: 0.5 },
    ...(withLogProb && { yaxis3: { title: { text: "nats" }, domain: domains[2], nticks: 4 } }),
    shapes: [level(0, "y"), level(0.5, "y2")],
    annotations,
  });
}
