import { type Figure, figure } from "../figure.js";
import { BLUE, DIM, fixed, GREY, label, titled } from "../style.js";

/** One bin of predictions: their mean confidence, the part that came true, how many they are. */
export type ReliabilityBin = { confidence: number; accuracy: number; count: number };

/** Confidence against what came true, with the count of predictions below; on the diagonal a model is as sure as it is right. */
export function reliability(bins: readonly ReliabilityBin[], { title = "Calibration", subtitle = "" } = {}): Figure {
  const used = bins.filter(({ count }) => count > 0);
  const total = used.reduce((sum, { count }) => sum + count, 0);
  const error = used.reduce((sum, { confidence, accuracy, count }) => sum + (count / (total || 1)) * Math.abs(accuracy - confidence), 0);
  const x = used.map(({ confidence }) => confidence);
  const most = Math.max(...used.map(({ count }) => count), 1);
  const curve = {
    type: "scatter",
    mode: "lines+markers",
    name: "predictions",
    x,
    y: used.map(({ accuracy }) => accuracy),
    marker: { color: BLUE, size: used.map(({ count }) => 7 + 9 * Math.sqrt(count / most)) },
    line: { color: BLUE, width: 2 },
    hovertemplate: "said %{x:.2f}, came true %{y:.2f}<extra></extra>",
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
  return figure([diagonal, curve, counts], {
    title: titled(title, subtitle || `Expected calibration error ${fixed(error, 3)} over ${total} predictions`),
    width: 560,
    height: 540,
    showlegend: false,
    xaxis: { title: { text: "predicted probability" }, range: [-0.02, 1.02], anchor: "y2", dtick: 0.2 },
    yaxis: { title: { text: "part that came true" }, range: [-0.03, 1.02], domain: [0.3, 1], dtick: 0.2 },
    yaxis2: { title: { text: "predictions" }, domain: [0, 0.22], rangemode: "tozero", nticks: 3 },
    annotations: [label("too timid", 0.03, 0.97, DIM, grey), label("too sure", 0.97, 0.05, DIM, { ...grey, xanchor: "right" })],
  });
}
