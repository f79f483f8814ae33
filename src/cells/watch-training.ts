import type { TrainEvent } from "../train/loop.js";
import { type Progress, progress } from "./progress.js";

/** Runs a training to its end with a progress bar, and returns its events. */
export async function watchTraining(name: string, training: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  let bar: Progress | undefined;
  for await (const event of training) {
    events.push(event);
    if (event.kind === "start") bar = progress(event.options.steps, name);
    if (event.kind === "step") bar?.update(event.step, `loss ${event.loss.toFixed(3)}`);
  }
  bar?.done();
  return events;
}
