import { join } from "node:path";
import { hash32 } from "../core/random.js";
import { GO_EMOTIONS } from "../data/go-emotions.js";
import { createHead, disposeHead } from "../nn/classification-head.js";
import { sigmoid } from "./eq-score.js";
import type { EqSettings } from "./eq-settings.js";
import type { Evaluator } from "./evaluators.js";
import { type HeadReader, readTexts } from "./readings.js";

/** How far the heads and the other evaluators are with reading. */
export type ReadProgress = { kind: "read"; done: number; total: number };

/** What is read, by whom. Responses of one seed are also read by that seed's random head. */
export type TextsToRead = {
  responses: readonly { seed: number; text: string }[];
  answers: readonly string[];
  prompts: readonly string[];
  dialogues: readonly string[];
};

/** Logits by text; of a head that is not there nothing. */
export type EqReadings = {
  emotion: Map<string, Float32Array>;
  strategyNext: Map<string, Float32Array>;
  strategyGiven: Map<string, Float32Array>;
  /** Of a head with random weights for each seed. */
  random: Map<number, Map<string, Float32Array>>;
  /** Probabilities `[28]` by text, in the order of the evaluators. */
  evaluators: { name: string; probabilities: Map<string, ArrayLike<number>> }[];
};

/** Lets everybody read; heads of the same embedder and pooling share its embeddings. */
export async function* eqReadings(settings: EqSettings, texts: TextsToRead): AsyncGenerator<ReadProgress, EqReadings> {
  const { heads, embedder, evaluators, cacheFolder, signal } = settings;
  const seeds = [...new Set(texts.responses.map(({ seed }) => seed))];
  const randomHeads = seeds.map((seed) => randomHead(heads.emotion, settings.seed + seed));
  const responses = texts.responses.map(({ text }) => text);
  const scored = [...responses, ...texts.answers];
  const shared = evaluators.filter(({ head }) => head?.embedder === embedder);
  const asked: Record<string, { reader: HeadReader | undefined; texts: readonly string[] }> = {
    emotion: { reader: heads.emotion, texts: [...scored, ...texts.prompts] },
    strategyNext: { reader: heads.strategyNext, texts: [...texts.dialogues, ...texts.prompts] },
    strategyGiven: { reader: heads.strategyGiven, texts: responses },
    ...Object.fromEntries(shared.map(({ name, head }) => [`evaluator ${name}`, { reader: head!.reader, texts: scored }])),
  };
  seeds.forEach((seed, i) => {
    const own = texts.responses.filter((response) => response.seed === seed).map(({ text }) => text);
    asked[`random ${seed}`] = { reader: randomHeads[i]!, texts: [...own, ...texts.prompts] };
  });
  try {
    const cached = { cacheFolder: cacheFolder && join(cacheFolder, "embeddings"), signal };
    const readings = yield* progressOf(readTexts(embedder, asked, cached));
    const read: EqReadings["evaluators"] = [];
    for (const evaluator of evaluators) {
      const logits = readings[`evaluator ${evaluator.name}`];
      const probabilities = logits ? mapped(logits, sigmoid) : yield* readBy(evaluator, scored, signal);
      read.push({ name: evaluator.name, probabilities });
    }
    return {
      ...{ emotion: readings.emotion!, strategyNext: readings.strategyNext!, strategyGiven: readings.strategyGiven! },
      random: new Map(seeds.map((seed) => [seed, readings[`random ${seed}`]!])),
      evaluators: read,
    };
  } finally {
    for (const { head } of randomHeads) disposeHead(head);
  }
}

/** A head like the one that steers which has learnt nothing. */
function randomHead({ head: { hidden, inner }, ...reader }: HeadReader, seed: number): HeadReader {
  const shape = { kind: "multi-label" as const, hidden, inner, classes: GO_EMOTIONS.length };
  return { ...reader, head: createHead(shape, { seed: hash32(`random head/${seed}`) }) };
}

async function* readBy(
  evaluator: Evaluator,
  texts: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ReadProgress, Map<string, Float32Array>> {
  const different = [...new Set(texts)];
  const values = yield* progressOf(evaluator.read(different, signal));
  const classes = GO_EMOTIONS.length;
  return new Map(different.map((text, i) => [text, values.subarray(i * classes, (i + 1) * classes)]));
}

async function* progressOf<Result>(reading: AsyncGenerator<{ done: number; total: number }, Result>): AsyncGenerator<ReadProgress, Result> {
  try {
    for (;;) {
      const { done, value } = await reading.next();
      if (done) return value;
      yield { kind: "read", ...value };
    }
  } finally {
    await reading.return(undefined as never);
  }
}

const mapped = <A, B>(map: ReadonlyMap<string, A>, change: (value: A) => B): Map<string, B> =>
  new Map(Array.from(map, ([key, value]) => [key, change(value)]));
