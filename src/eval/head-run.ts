import type { Split } from "../data/record.js";
import { type EmbedOptions, type EmbedProgress, embedPoolings, type Pooling, type PoolOptions, resolvePooling } from "../models/embed.js";
import { type HeadCalibration, type PoolingCandidate, skewOf, type TrainedHead } from "../models/head-files.js";
import type { CausalLM } from "../models/model.js";
import type { ResolvedPooling } from "../models/pooling.js";
import {
  type ClassificationHead,
  createHead,
  disposeHead,
  type HeadKind,
  headProbabilities,
  type MultiLabelLoss,
  settledMix,
} from "../nn/classification-head.js";
import { type HeadTrainOptions, trainHead } from "../train/heads.js";
import type { TrainEvent } from "../train/loop.js";
import type { CalibrationBin } from "./calibration.js";
import { calibrate, type HeadExample, type Parts, type Read, readBy } from "./head-calibration.js";
import { headCard } from "./head-card.js";
import { type TextClassifier, trainTextClassifier } from "./text-classifier.js";

/** A pooling, of the last layer where it is only named. */
export type PoolChoice = Pooling | Pick<PoolOptions, "pooling" | "layer">;

export type HeadOptions = Omit<EmbedOptions, "onProgress" | "pooling" | "layer" | "mix"> & {
  /** One, or several of which the one with the smallest loss on validation is taken; all are computed in one pass. */
  pooling: PoolChoice | readonly PoolChoice[];
  /** Width between the two linear layers. */
  inner?: number;
  /** Share dropped after the norm and after the ReLU while training; 0 to 0.5. */
  dropout?: number;
  seed?: number;
  training?: Omit<HeadTrainOptions, "validation" | "seed" | "loss">;
  /** How logits are scaled on validation, so that probabilities mean what they say; `null` for not at all. Default `temperature`; `platt` is for several labels. */
  calibration?: HeadCalibration["kind"] | null;
  /** The control that reads words alone: trained on the same texts (default), one that is there already, or `false` for none. */
  control?: boolean | TextClassifier;
  /** Commit or version of the data, for the card. */
  dataRevision?: string | null;
};

export type HeadEvent = EmbedProgress | TrainEvent;

/** What a run took: seconds by the clock, and texts that were embedded anew (others came from the cache). */
export type HeadCost = { embedSeconds: number; embedded: number; trainSeconds: number; controlSeconds: number };

/** A trained head, its report, and the control that was trained beside it. The head is the caller's. */
export type HeadResult<Report> = TrainedHead & {
  report: Report;
  control: TextClassifier | null;
  cost: HeadCost;
  /** Of the test rows, as `report.bins`, before calibration; `null` without one. */
  binsBefore: CalibrationBin[] | null;
};

/** Training that is under way: nothing happens before `events` or `result` is asked. */
export type HeadRun<Report> = {
  /**
   * Progress of embedding and training, as plain numbers; of several poolings the training of the one that was taken. Leaving the loop stops the run
   * and frees the head.
   */
  events: AsyncGenerator<HeadEvent, void, undefined>;
  /** The head and its report, once all events are through; lets the run go to its end if it has not. */
  result(): Promise<HeadResult<Report>>;
};

/** What the head is to learn, and how it is measured. */
export type HeadTask<Report> = {
  task: string;
  kind: HeadKind;
  labels: readonly string[];
  examples: Record<Split, readonly HeadExample[]>;
  sources: readonly string[];
  note: string;
  /** Default plain cross-entropy. */
  loss?: MultiLabelLoss;
  /** What probabilities on validation rows are worth, for the card of a choice. */
  score(validation: Float32Array): number;
  measure(
    head: Read,
    control: Read | null,
  ): { thresholds: number[] | null; controlThresholds: number[] | null; controlMacroF1: number | null; report: Report };
};

/** Embeds, trains on train, stops early, chooses, calibrates and tunes by validation, reports on test. */
export function startHeadRun<Report extends object>(model: CausalLM, task: HeadTask<Report>, options: HeadOptions): HeadRun<Report> {
  let result: HeadResult<Report> | undefined;
  const events = (async function* () {
    result = yield* run(model, task, options);
  })();
  return {
    events,
    async result() {
      for await (const _ of events);
      if (result) return result;
      throw new Error(`${task.task} head: expected a run that came to its end, got one that was stopped or failed. Start another`);
    },
  };
}

async function* run<Report extends object>(
  model: CausalLM,
  task: HeadTask<Report>,
  options: HeadOptions,
): AsyncGenerator<HeadEvent, HeadResult<Report>, undefined> {
  const { calibration: kind = "temperature", control: asked = true, seed = 0 } = options;
  if (kind === "platt" && task.kind === "single-label")
    throw new RangeError(`${task.task} head calibration: expected "temperature" or null, got "platt". It is for heads of several labels`);
  const cost: HeadCost = { embedSeconds: 0, embedded: 0, trainSeconds: 0, controlSeconds: 0 };
  const poolings = choicesOf(options.pooling).map((choice) => resolvePooling(model, { ...options, ...choice }));
  const embedded = yield* embedAll(model, task, poolings, options, cost);
  let began = performance.now();
  const trained = yield* trainChoices(task, poolings, embedded, model.config.hidden, options);
  let { head } = trained;
  let finished = false;
  try {
    cost.trainSeconds = secondsSince(began);
    const { embeddings, record, candidates } = trained;
    const { calibration, binsBefore } =
      kind === null ? { calibration: null, binsBefore: null } : await calibrate(head, { ...task, embeddings, method: kind });
    const read = await readBy(head, embeddings);
    let { pooling } = trained;
    if (head.layers) {
      const settled = await settledMix(head);
      head = settled.head;
      pooling = { ...pooling, mix: settled.mix };
    }
    began = performance.now();
    const { control, controlRead } = await controlOf(task, asked);
    cost.controlSeconds = secondsSince(began);
    const { thresholds, controlThresholds, controlMacroF1, report } = task.measure(read, controlRead);
    const card = await headCard(model, task, head, {
      dataRevision: options.dataRevision ?? null,
      pooling,
      ...(candidates.length > 1 ? { candidates } : {}),
      thresholds,
      calibration,
      ...(task.loss ? { loss: task.loss } : {}),
      training: { ...record, seed },
      metrics: report as Record<string, unknown>,
    });
    const skewed = skewOf(card);
    finished = true;
    return {
      head: skewed ? { ...head, skewed } : head,
      pooling,
      card,
      report,
      control: control && { ...control, thresholds: controlThresholds, macroF1: controlMacroF1 },
      cost,
      binsBefore,
    };
  } finally {
    if (!finished) disposeHead(head);
  }
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;

function choicesOf(pooling: HeadOptions["pooling"]): Pick<PoolOptions, "pooling" | "layer">[] {
  const list = Array.isArray(pooling) ? (pooling as readonly PoolChoice[]) : [pooling as PoolChoice];
  if (list.length === 0) throw new RangeError("pooling: expected one or several, got an empty list");
  return list.map((choice) => (typeof choice === "string" ? { pooling: choice } : choice));
}

/** The embeddings of all splits for each pooling, from one pass. */
async function* embedAll(
  model: CausalLM,
  { examples }: Pick<HeadTask<object>, "examples">,
  poolings: readonly ResolvedPooling[],
  { batchTokens, cacheFolder }: HeadOptions,
  cost: HeadCost,
): AsyncGenerator<HeadEvent, Parts[], undefined> {
  const order = [...examples.train, ...examples.validation, ...examples.test].map(({ text }) => text);
  const pass = { ...(batchTokens === undefined ? {} : { batchTokens }), ...(cacheFolder === undefined ? {} : { cacheFolder }) };
  const began = performance.now();
  const batches = embedPoolings(model, order, poolings, pass);
  try {
    for (;;) {
      const step = await batches.next();
      cost.embedSeconds = secondsSince(began);
      if (!step.done) {
        cost.embedded = step.value.done - step.value.cached;
        yield step.value;
        continue;
      }
      const [trained, chosen] = [examples.train.length, examples.validation.length];
      return step.value.map(({ values, hidden }): Parts => {
        const part = (from: number, rows: number) => ({ hidden, values: values.subarray(from * hidden, (from + rows) * hidden) });
        return { train: part(0, trained), validation: part(trained, chosen), test: part(trained + chosen, examples.test.length) };
      });
    }
  } finally {
    await batches.return(undefined as never);
  }
}

type Trained = {
  head: ClassificationHead;
  pooling: ResolvedPooling;
  embeddings: Parts;
  record: Record<string, unknown>;
  candidates: PoolingCandidate[];
};

/** Trains a head for each pooling and keeps the one with the smallest loss on validation. */
async function* trainChoices(
  task: HeadTask<object>,
  poolings: readonly ResolvedPooling[],
  embedded: readonly Parts[],
  hidden: number,
  options: HeadOptions,
): AsyncGenerator<HeadEvent, Trained, undefined> {
  let best: (Omit<Trained, "candidates"> & { loss: number; events: HeadEvent[] }) | undefined;
  const candidates: PoolingCandidate[] = [];
  let finished = false;
  try {
    for (const [i, pooling] of poolings.entries()) {
      const embeddings = embedded[i]!;
      const layers = pooling.pooling === "mix" ? embeddings.train.hidden / hidden : null;
      const events: HeadEvent[] = [];
      const training = trainOne(task, embeddings, layers, options);
      const { head, record } = poolings.length === 1 ? yield* training : await quietly(training, events);
      const loss = record.validationLoss as number;
      const validationScore = task.score(await headProbabilities(head, embeddings.validation));
      candidates.push({ pooling, validationLoss: loss, validationScore, taken: false });
      const loser = !best || loss < best.loss ? best?.head : head;
      if (loser !== head) best = { head, pooling, embeddings, record, loss, events };
      if (loser) disposeHead(loser);
    }
    const { events, loss: _, ...taken } = best!;
    for (const event of events) yield event;
    finished = true;
    return { ...taken, candidates: candidates.map((candidate) => ({ ...candidate, taken: candidate.pooling === taken.pooling })) };
  } finally {
    if (!finished && best) disposeHead(best.head);
  }
}

/** Lets a generator run to its end and keeps what it yields for later. */
async function quietly<Event, Result>(run: AsyncGenerator<Event, Result, undefined>, kept: Event[]): Promise<Result> {
  for (;;) {
    const step = await run.next();
    if (step.done) return step.value;
    kept.push(step.value);
  }
}

/** @param layers How many stand side by side in an embedding, for a mix that is learnt; `null` for none. */
async function* trainOne(
  { examples, labels, kind, loss }: HeadTask<object>,
  embeddings: Parts,
  layers: number | null,
  { inner = 256, dropout = 0.1, seed = 0, training = {} }: HeadOptions,
): AsyncGenerator<TrainEvent, { head: ClassificationHead; record: Record<string, unknown> }, undefined> {
  const rows = (split: Split) => ({ embeddings: embeddings[split], labels: examples[split].map((example) => example.labels) });
  const hidden = embeddings.train.hidden / (layers ?? 1);
  const head = createHead({ kind, hidden, inner, classes: labels.length }, { seed, dropout, ...(layers ? { layers } : {}) });
  let finished = false;
  try {
    const record: Record<string, unknown> = {};
    const given = { ...training, ...(loss ? { loss } : {}), seed, validation: rows("validation") };
    for await (const event of trainHead(head, rows("train"), given)) {
      if (event.kind === "start") Object.assign(record, event.options, { batch: training.batch ?? 256 });
      if (event.kind === "end")
        Object.assign(record, { ended: event.reason, lastStep: event.step, bestStep: event.bestStep, validationLoss: event.bestLoss });
      yield event;
    }
    finished = true;
    return { head, record };
  } finally {
    if (!finished) disposeHead(head);
  }
}

/** The control that was asked for, and what it says of validation and test. */
async function controlOf(
  { kind, labels, examples }: Pick<HeadTask<object>, "kind" | "labels" | "examples">,
  asked: boolean | TextClassifier,
): Promise<{ control: TextClassifier | null; controlRead: Read | null }> {
  if (asked === false) return { control: null, controlRead: null };
  const control = asked === true ? await trainTextClassifier(examples.train, { kind, labels }) : asked;
  const read = (split: "validation" | "test") => control.probabilities(examples[split].map(({ text }) => text));
  return { control, controlRead: { validation: read("validation"), test: read("test") } };
}
