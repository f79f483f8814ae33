import { checkInteger, checkNumber } from "../core/shapes.js";

/** The learning rate of a step; steps count from 1. */
export type Schedule = (step: number) => number;

export type ScheduleOptions = {
  kind?: "linear" | "cosine" | "constant";
  /** Largest learning rate. */
  learningRate: number;
  /** Steps until the rate is reached; from 0, linearly. */
  warmupSteps?: number;
  /** Number of steps in all; linear and cosine reach 0 after the last. */
  steps: number;
};

/** Warm-up, then linear or cosine decay or a constant rate: the arithmetic of transformers' `get_*_schedule_with_warmup`. */
export function schedule({ kind = "linear", learningRate, warmupSteps = 0, steps }: ScheduleOptions): Schedule {
  checkNumber("learningRate", learningRate, 0);
  checkInteger("warmupSteps", warmupSteps, 0);
  checkInteger("steps", steps, 1);
  return (step) => {
    const done = step - 1;
    if (done < warmupSteps) return (learningRate * done) / warmupSteps;
    if (kind === "constant") return learningRate;
    const progress = Math.min(1, (done - warmupSteps) / Math.max(1, steps - warmupSteps));
    return learningRate * (kind === "linear" ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}
