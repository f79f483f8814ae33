import { type Figure, figure, type Trace } from "../figure.js";
import { BLUE, fixed, label, RED, titled } from "../style.js";
import { calmSpan, extent, runningMean, spread } from "./curve.js";

/** What the trainer yields; events without a step and a loss are passed over. */
export type LossEvent = { kind: string; step?: number; loss?: number };

type Point = { step: number; loss: number };

/**
 * Training loss by step (each step pale, a running mean strong) and held-out loss where it was measured, the best one marked. In nats
 * per labelled token, where `unit` says nothing else.
 */
export function lossCurve(events: readonly LossEvent[], { title = "Loss", unit = "nats per target token" } = {}): Figure {
  const train = points(events, "step");
  const heldOut = points(events, "evaluation");
  const means = runningMean(
    train.map(({ loss }) => loss),
    calmSpan(train.length),
  ) as number[];
  const smooth = train.map(({ step }, i) => ({ step, loss: means[i]! }));
  const best = heldOut.reduce<Point | undefined>((least, point) => (least && least.loss <= point.loss ? least : point), undefined);
  const data: Trace[] = [];
  const annotations: object[] = [];
  if (train.length) {
    data.push(line(train, "each step", { color: "rgba(0,114,178,.28)", width: 1 }));
    data.push(line(smooth, "training", { color: BLUE, width: 2.5 }));
  }
  if (heldOut.length)
    data.push({
      ...line(heldOut, "held-out", { color: RED, width: 2.5 }),
      mode: "lines+markers",
      cliponaxis: false,
      marker: { size: 7, color: RED },
    });
  if (best && heldOut.length > 1) {
    data.push({
      ...line([best], "best", { color: RED }),
      mode: "markers",
      cliponaxis: false,
      marker: { size: 15, symbol: "circle-open", color: RED, line: { width: 2 } },
    });
  }
  const ends = [...smooth.slice(-1), ...heldOut.slice(-1)].map(({ loss }) => loss);
  const heights = spread(ends, 0.07 * extent([...train, ...heldOut].map(({ loss }) => loss)));
  if (train.length) annotations.push(label(`training ${fixed(smooth.at(-1)!.loss, 3)}`, smooth.at(-1)!.step, heights.shift(), BLUE));
  if (heldOut.length) annotations.push(label(`held-out ${fixed(heldOut.at(-1)!.loss, 3)}`, heldOut.at(-1)!.step, heights.shift(), RED));
  const subtitle = best && `Best held-out loss ${fixed(best.loss, 3)} at step ${best.step}`;
  return figure(data, {
    title: titled(title, subtitle),
    showlegend: false,
    margin: { l: 64, r: 140, t: 72, b: 56 },
    xaxis: { title: { text: "step" }, range: [0, Math.max(1, ...[...train, ...heldOut].map(({ step }) => step))] },
    yaxis: { title: { text: unit } },
    annotations,
  });
}

function points(events: readonly LossEvent[], kind: string): Point[] {
  return events.flatMap((event) => {
    const { step, loss } = event;
    return event.kind === kind && step !== undefined && loss !== undefined ? [{ step, loss }] : [];
  });
}

const line = (of: Point[], name: string, style: object): Trace => ({
  type: "scatter",
  mode: "lines",
  name,
  x: of.map(({ step }) => step),
  y: of.map(({ loss }) => loss),
  line: style,
  hovertemplate: `${name}: %{y:.3f} at step %{x}<extra></extra>`,
});
