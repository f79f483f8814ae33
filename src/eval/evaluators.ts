import { createHash } from "node:crypto";
import { expected } from "../core/errors.js";
import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { HeadCard } from "../models/head-files.js";
import type { CausalLM } from "../models/model.js";
import { type ClassificationHead, checkSummable } from "../nn/classification-head.js";
import { sigmoid } from "./eq-score.js";
import { type HeadReader, readTexts } from "./readings.js";
import type { TextClassifier } from "./text-classifier.js";

/** The name of the head that steers, where it stands among the evaluators. Its score of what it chose says nothing. */
export const STEERING = "Emotion head (steers)";

/** Who reads emotions out of texts, to score them. */
export type Evaluator = {
  name: string;
  /** Macro F1 on held-out GoEmotions, where it is known. */
  macroF1: number | null;
  /** Probabilities `[texts, 28]`, multi-label, row after row. Yields after every batch. */
  read(texts: readonly string[], signal?: AbortSignal): AsyncGenerator<{ done: number; total: number }, Float32Array>;
  /** 16 hex digits that change with what it has learnt. */
  checksum(): Promise<string>;
  /** Of a head: what reads, so that heads of one pooling share their embeddings. */
  head?: { reader: HeadReader; embedder: CausalLM };
};

/** A head of 28 labels. It should be trained apart from the one that steers: another seed, another pooling. */
export function headEvaluator(name: string, reader: HeadReader, embedder: CausalLM, cacheFolder: string | null = null): Evaluator {
  const { kind, classes } = reader.head;
  if (kind !== "multi-label" || classes !== GO_EMOTIONS.length) {
    throw new RangeError(
      expected(`evaluator ${name}`, `a multi-label head of ${GO_EMOTIONS.length} classes`, `${kind}, ${classes} classes`),
    );
  }
  checkSummable(`evaluator ${name}`, reader.head);
  return {
    name,
    macroF1: macroF1Of(reader.card),
    head: { reader, embedder },
    checksum: () => headChecksum(reader.head),
    async *read(texts, signal) {
      const readings = yield* readTexts(embedder, { own: { reader, texts } }, { cacheFolder, signal });
      return rowsOf(texts.map((text) => sigmoid(readings.own.get(text)!)));
    },
  };
}

/** A classifier that reads words, such as `trainTextClassifier` makes: it knows nothing of any model's embeddings. */
export function textEvaluator(name: string, classifier: TextClassifier): Evaluator {
  const { kind, labels } = classifier;
  if (kind !== "multi-label" || labels.join() !== GO_EMOTIONS.join()) {
    const wanted = `a multi-label classifier of the ${GO_EMOTIONS.length} labels of GoEmotions in their order`;
    throw new RangeError(expected(`evaluator ${name}`, wanted, `${kind}: ${labels.join(", ")}`));
  }
  return {
    name,
    macroF1: classifier.macroF1,
    checksum: async () => checksumOf([classifier.model.weights]),
    async *read(texts, signal) {
      const result = new Float32Array(texts.length * labels.length);
      for (let from = 0; from < texts.length; from += AT_ONCE) {
        signal?.throwIfAborted();
        const part = texts.slice(from, from + AT_ONCE);
        result.set(classifier.probabilities(part), from * labels.length);
        yield { done: from + part.length, total: texts.length };
      }
      return result;
    },
  };
}

/** Texts read between two events. */
const AT_ONCE = 256;

/**
 * That the score is not made by what it measures.
 * @throws RangeError without an evaluator, for a name that is used twice, and for one with the weights of the head that steers.
 */
export async function checkEvaluators(evaluators: readonly Evaluator[], steering: ClassificationHead): Promise<void> {
  const names = [STEERING, ...evaluators.map(({ name }) => name)];
  const remedy = "Train a second emotion head with another seed and pooling, or give a text classifier: headEvaluator, textEvaluator";
  if (evaluators.length === 0) throw new RangeError(expected("evaluators", "at least one that does not steer", "none", remedy));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(expected("evaluator names", `each once, and none ${STEERING}`, twice));
  const own = await bodyChecksum(steering);
  for (const { name, head } of evaluators) {
    if (!head || (await bodyChecksum(head.reader.head)) !== own) continue;
    const wanted = "a head other than heads.emotion, which steers and would choose what it scores";
    throw new RangeError(expected(`evaluator ${name}`, wanted, "the same weights", remedy));
  }
}

/** 16 hex digits that change with a head's weights, not with its name or pooling. */
export const headChecksum = (head: ClassificationHead): Promise<string> => parametersChecksum(head, () => true);

/** The same without the last layer, which calibration changes. */
const bodyChecksum = (head: ClassificationHead): Promise<string> => parametersChecksum(head, (name) => !name.startsWith("3."));

async function parametersChecksum({ parameters }: ClassificationHead, counts: (name: string) => boolean): Promise<string> {
  const own = [...parameters].filter(([name]) => counts(name));
  return checksumOf(await Promise.all(own.map(([, parameter]) => parameter.data() as Promise<Float32Array>)));
}

function checksumOf(values: readonly (Float32Array | Float64Array)[]): string {
  const hash = createHash("sha256");
  for (const { buffer, byteOffset, byteLength } of values) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest("hex").slice(0, 16);
}

function rowsOf(rows: readonly ArrayLike<number>[]): Float32Array {
  const result = new Float32Array(rows.length * GO_EMOTIONS.length);
  rows.forEach((row, i) => {
    result.set(Array.from(row), i * GO_EMOTIONS.length);
  });
  return result;
}

/** Of a head, where its card has one. */
export function macroF1Of(card: HeadCard | undefined): number | null {
  const tuned = card?.metrics.tuned as { macroF1?: unknown } | undefined;
  return typeof tuned?.macroF1 === "number" ? tuned.macroF1 : null;
}
