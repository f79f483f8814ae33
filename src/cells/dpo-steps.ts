import type { TrainEvent } from "../train/loop.js";
import type { DpoStep } from "./charts/dpo-curves.js";

/** What the chart of rewards draws, from a DPO run's events: one row a training step. */
export function dpoSteps(events: readonly TrainEvent[]): DpoStep[] {
  return events.flatMap((event) => {
    if (event.kind !== "step") return [];
    const metric = (name: string) => event.metrics[name] ?? Number.NaN;
    return [
      {
        step: event.step,
        chosenReward: metric("rewards/chosen"),
        rejectedReward: metric("rewards/rejected"),
        margin: metric("rewards/margins"),
        accuracy: metric("rewards/accuracies"),
        chosenLogProb: metric("logps/chosen"),
      },
    ];
  });
}
