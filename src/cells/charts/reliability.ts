import { type Figure, figure } from "../figure.js";
import { BLUE, DIM, fixed, GREY, label, ORANGE, titled } from "../style.js";

/** One bin of predictions: their mean confidence, the part that came true, how many they are. */
export type ReliabilityBin = { confidence: number; accuracy: number; count: number };

export type ReliabilityOptions = {
  title?: string;
  subtitle?: string;
  /** The same predictions before calibration, drawn as a lighter line. */
  before?: readonly ReliabilityBin[];
};

/** Confidence against what came true, with the count of predictions below; on the diagonal a model is as sure as it is right. */
export function reliability(
  bins: readonly ReliabilityBin[],
  { title = "Calibration", subtitle = "", before }: ReliabilityOptions = {},
): Figure {
  const used = bins.filter(({ count }) => count > 0);
  const earlier = (before ?? []).filter(({ count }) => count > 0);
  const total = used.reduce((sum, { count }) => sum + count, 0);
  const x = used.map(({ confidence }) => confidence);
  const most = Math.max(...used.map(({ count }) => count), 1);
  const curve = {
    type: "scatter",
    mode: "lines+markers",
    name: before ? "after calibration" : "predictions",
    x,
    y: used.map(({ accuracy }) => accuracy),
    marker: { color: BLUE, size: used.map(({ count }) => 7 + 9 * Math.sqrt(count / most)) },
    line: { color: BLUE, width: 2 },
    hovertemplate: "said %{x:.2f}, came true %{y:.2f}<extra></extra>",
  };
  const first = {
    ...{
      type: "scatter",
      mode: "lines+markers",
      name: "before calibration",
      hovertemplate: "said %{x:.2f}, came true %{y:.2f}<extra></extra>",
    },
    x: earlier.map(({ confidence }) => confidence),
    y: earlier.map(({ accuracy }) => accuracy),
    marker: { color: "white", size: 8, symbol: "square", line: { color: ORANGE, width: 2 } },
    line: { color: ORANGE, width: 1.5, dash: "dot" },
  };
  const diagonal = {
    type: "scatter",
    mode: "lines",
    name: "perfect",
    x: [0, 1],
    y: [0, 1],
    line: { color: GREY, width: 1.5, dash: "dash" },
    hoverinfo: "skip",
  };
  const counts = {
    type: "bar",
    name: "count",
    x,
    y: used.map(({ count }) => count),
    width: 0.8 / Math.max(bins.length, 5),
    marker: { color: "#a9b4c0" },
    yaxis: "y2",
    hovertemplate: "%{y} predictions near %{x:.2f}<extra></extra>",
  };
  const grey = { font: { size: 12, color: DIM }, xshift: 0 };
  const errors = before
    ? `${fixed(calibrationError(earlier), 3)} before, ${fixed(calibrationError(used), 3)} after`
    : fixed(calibrationError(used), 3);
  return figure([diagonal, ...(before ? [first] : []), curve, counts], {
    title: titled(title, subtitle || `Expected calibration error ${errors}${before ? "" : ` over ${total} predictions`}`),
    width: 560,
    height: 540,
    showlegend: false,
    xaxis: { title: { text: "predicted probability" }, range: [-0.02, 1.02], anchor: "y2", dtick: 0.2 },
    yaxis: { title: { text: "part that came true" }, range: [-0.03, 1.02], domain: [0.3, 1], dtick: 0.2 },
    yaxis2: { title: { text: "predictions" }, domain: [0, 0.22], rangemode: "tozero", nticks: 3 },
    annotations: [
      ...(before
        ? [
            label("● after", 0.03, 0.88, BLUE, { ...grey, font: { size: 12, color: BLUE } }),
            label("□ before", 0.03, 0.81, ORANGE, { ...grey, font: { size: 12, color: "#8a5f00" } }),
          ]
        : []),
      label("too timid", 0.03, 0.97, DIM, grey),
      label("too sure", 0.97, 0.05, DIM, { ...grey, xanchor: "right" }),
    ],
  });
}

function calibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0) || 1;
  return bins.reduce((sum, { confidence, accuracy, count }) => sum + (count / total) * Math.abs(accuracy - confidence), 0);
}
