import { join } from "node:path";
import { expected, FormatError, NotFoundError } from "../core/errors.js";
import { readJson } from "../files/json.js";
import { folderSource } from "../files/source.js";
import { TRAINING_FILE } from "../models/adapter-files.js";
import type { ResolvedTrainOptions, TrainEvent } from "./loop.js";

/** What a training was: enough to repeat it, and to spend the same compute on something else. */
export type TrainingRecord = {
  options: Omit<ResolvedTrainOptions, "checkpoint"> & Record<string, unknown>;
  steps: number;
  /** All tokens that went through the model in updates. */
  tokens: number;
  seconds: number;
  /** On held-out data, by step. */
  evaluations: { step: number; loss: number }[];
  /** The step whose parameters were kept; `null` where nothing was evaluated. */
  bestStep: number | null;
} & Record<string, unknown>;

/**
 * Sums up a training's events.
 * @param more What the events do not know, such as data and mix.
 * @throws RangeError for a training that has not begun or did not end.
 */
export function trainingRecord(events: readonly TrainEvent[], more: Record<string, unknown> = {}): TrainingRecord {
  const start = events.find(({ kind }) => kind === "start") as Extract<TrainEvent, { kind: "start" }> | undefined;
  const end = events.find(({ kind }) => kind === "end") as Extract<TrainEvent, { kind: "end" }> | undefined;
  if (!start || !end) {
    throw new RangeError(expected("trainingRecord", "the events of a training from its start to its end", `${events.length} events`));
  }
  // Where its checkpoints lay makes it no other training.
  const { checkpoint: _, ...options } = start.options;
  return {
    options,
    steps: end.step,
    tokens: events.reduce((sum, event) => sum + (event.kind === "step" ? event.tokens : 0), 0),
    seconds: end.seconds,
    evaluations: events.flatMap((event) => (event.kind === "evaluation" ? { step: event.step, loss: event.loss } : [])),
    bestStep: end.bestStep,
    ...more,
  };
}

/**
 * Reads what `saveAdapter` wrote beside an adapter.
 * @throws NotFoundError where there is none; FormatError for something else.
 */
export async function readTrainingRecord(folder: string): Promise<TrainingRecord> {
  const record = (await readJson(folderSource(folder), TRAINING_FILE).catch((error) => {
    if (!(error instanceof NotFoundError)) throw error;
    throw new NotFoundError(`${join(folder, TRAINING_FILE)}: there is no such file. saveAdapter writes it when it is given \`training\``);
  })) as Partial<TrainingRecord>;
  if (typeof record.steps === "number" && typeof record.tokens === "number" && record.options) return record as TrainingRecord;
  throw new FormatError(expected(join(folder, TRAINING_FILE), "options, steps and tokens", Object.keys(record).join(", ")));
}
