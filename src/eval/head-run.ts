import { createHash } from "node:crypto";
import { require } from "../core/tf.js";
import type { Split } from "../data/record.js";
import { type EmbedOptions, type EmbedProgress, embedBatches, resolvePooling } from "../models/embed.js";
import { type HeadCard, modelOfCard, type TrainedHead } from "../models/head-files.js";
import type { CausalLM } from "../models/model.js";
import {
  type ClassificationHead,
  createHead,
  disposeHead,
  type Embeddings,
  type HeadKind,
  headProbabilities,
} from "../nn/classification-head.js";
import { type HeadTrainOptions, trainHead } from "../train/heads.js";
import type { TrainEvent } from "../train/loop.js";

export type HeadOptions = Omit<EmbedOptions, "onProgress"> & {
  /** Width between the two linear layers. */
  inner?: number;
  /** Share dropped after the norm and after the ReLU while training; 0 to 0.5. */
  dropout?: number;
  seed?: number;
  training?: Omit<HeadTrainOptions, "validation" | "seed">;
  /** Commit or version of the data, for the card. */
  dataRevision?: string | null;
};

export type HeadEvent = EmbedProgress | TrainEvent;

/** Training that is under way: nothing happens before `events` or `result` is asked. */
export type HeadRun<Report> = {
  /** Progress of embedding and training, as plain numbers. Leaving the loop stops the run and frees the head. */
  events: AsyncGenerator<HeadEvent, void, undefined>;
  /** The head and its report, once all events are through; lets the run go to its end if it has not. The head is the caller's. */
  result(): Promise<TrainedHead & { report: Report }>;
};

/** A text with its classes. */
export type HeadExample = { text: string; labels: readonly number[] };

/** What the head is to learn, and how it is measured. */
export type HeadTask<Report> = {
  task: string;
  kind: HeadKind;
  labels: readonly string[];
  examples: Record<Split, readonly HeadExample[]>;
  sources: readonly string[];
  note: string;
  /** Both are rows of probabilities, `[rows, classes]`: choose by `validation`, report on `test`. */
  measure(probabilities: { validation: Float32Array; test: Float32Array }): { thresholds: number[] | null; report: Report };
};

/** Embeds, trains on train, stops early and tunes by validation, reports on test. */
export function startHeadRun<Report extends object>(model: CausalLM, task: HeadTask<Report>, options: HeadOptions): HeadRun<Report> {
  let result: (TrainedHead & { report: Report }) | undefined;
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
  { inner = 256, dropout = 0.1, seed = 0, training = {}, dataRevision = null, ...embed }: HeadOptions,
): AsyncGenerator<HeadEvent, TrainedHead & { report: Report }, undefined> {
  const { examples, labels, kind } = task;
  const pooling = resolvePooling(model, embed);
  const order = [...examples.train, ...examples.validation, ...examples.test];
  const all = yield* embedBatches(
    model,
    order.map(({ text }) => text),
    { ...embed, ...pooling },
  );
  const part = (from: number, rows: number): Embeddings => ({
    ...all,
    values: all.values.subarray(from * all.hidden, (from + rows) * all.hidden),
  });
  const [trained, chosen] = [examples.train.length, examples.validation.length];
  const embeddings = { train: part(0, trained), validation: part(trained, chosen), test: part(trained + chosen, examples.test.length) };
  const rows = (split: Split) => ({ embeddings: embeddings[split], labels: examples[split].map((example) => example.labels) });

  const head = createHead({ kind, hidden: all.hidden, inner, classes: labels.length }, { seed, dropout });
  let finished = false;
  try {
    const record: Record<string, unknown> = {};
    for await (const event of trainHead(head, rows("train"), { ...training, seed, validation: rows("validation") })) {
      if (event.kind === "start") Object.assign(record, event.options, { batch: training.batch ?? 256 });
      if (event.kind === "end")
        Object.assign(record, { ended: event.reason, lastStep: event.step, bestStep: event.bestStep, validationLoss: event.bestLoss });
      yield event;
    }
    const { thresholds, report } = task.measure({
      validation: await headProbabilities(head, embeddings.validation),
      test: await headProbabilities(head, embeddings.test),
    });
    const card = await cardOf(model, task, head, {
      dataRevision,
      pooling,
      thresholds,
      training: record,
      metrics: report as Record<string, unknown>,
    });
    finished = true;
    return { head, pooling, card, report };
  } finally {
    if (!finished) disposeHead(head);
  }
}

async function cardOf(
  model: CausalLM,
  { task, kind, labels, examples, sources, note }: Omit<HeadTask<object>, "measure">,
  { hidden, inner, dropout }: ClassificationHead,
  { dataRevision, ...rest }: { dataRevision: string | null } & Pick<HeadCard, "pooling" | "thresholds" | "training" | "metrics">,
): Promise<HeadCard> {
  const counts = { train: examples.train.length, validation: examples.validation.length, test: examples.test.length };
  const checksum = createHash("sha256")
    .update(JSON.stringify([labels, examples.train, examples.validation, examples.test]))
    .digest("hex")
    .slice(0, 16);
  const data = { sources: [...sources], revision: dataRevision, checksum, counts, note };
  const { version } = require("../../package.json") as { version: string };
  return {
    format: 1,
    task,
    kind,
    labels: [...labels],
    hidden,
    inner,
    dropout,
    ...(await modelOfCard(model)),
    data,
    ...rest,
    createdBy: `eqlab ${version}`,
  };
}
