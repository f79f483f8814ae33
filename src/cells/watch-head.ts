import type { HeadResult, HeadRun } from "../eval/head-run.js";
import type { TrainEvent } from "../train/loop.js";
import { type Progress, progress } from "./progress.js";

/** Runs a head's training to its end with a progress bar while texts are embedded. Returns the head, its report, what it cost and the training's events. */
export async function watchHead<Report>(name: string, run: HeadRun<Report>): Promise<HeadResult<Report> & { events: TrainEvent[] }> {
  const events: TrainEvent[] = [];
  let bar: Progress | undefined;
  for await (const event of run.events) {
    if (event.kind === "embedded") {
      bar ??= progress(event.total, `${name}: embedding`);
      bar.update(event.done, `${event.cached} known`);
    } else events.push(event);
  }
  bar?.done();
  return { ...(await run.result()), events };
}
