import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { expected, FormatError, NotFoundError } from "../core/errors.js";
import { readJson } from "../files/json.js";
import { readPt, writePt } from "../files/pt.js";
import { folderSource } from "../files/source.js";
import { writeFileSafely } from "../files/write.js";
import {
  type ClassificationHead,
  type HeadKind,
  headOf,
  headShapes,
  isUnweighted,
  type MultiLabelLoss,
} from "../nn/classification-head.js";
import { adapterChecksum, weightsChecksum } from "./checksum.js";
import type { CausalLM } from "./model.js";
import { POOLINGS, type ResolvedPooling, resolvePooling } from "./pooling.js";

/**
 * How logits were made to mean what they say, on validation rows, by class: `scale × logit + shift`. It is part of the head's last layer, so that every reader
 * has it. `temperature`: one scale for all (Guo et al. 2017). `platt`: scale and shift for each class (Platt 1999).
 */
export type HeadCalibration = {
  kind: "temperature" | "platt";
  scale: number[];
  shift: number[];
  /** Expected calibration error before and after (multi-label: mean over the labels), on the rows that it was fitted on, and on test. */
  validation: { before: number; after: number };
  test: { before: number; after: number };
};

/** One way of pooling that was tried, and what it was worth on validation. The one with the smallest loss was taken. */
export type PoolingCandidate = { pooling: ResolvedPooling; validationLoss: number; validationScore: number; taken: boolean };

/** What a head's file alone does not say: JSON beside the `.pt`. */
export type HeadCard = {
  format: 1;
  /** What the head tells, such as `emotion`, `next strategy` or `given strategy`. */
  task: string;
  kind: HeadKind;
  /** The classes, in the order of the outputs. */
  labels: string[];
  /** Probability from which a label counts, by class; `null` for a single-label head. */
  thresholds: number[] | null;
  hidden: number;
  inner: number;
  dropout: number;
  pooling: ResolvedPooling;
  /** Where several were tried. */
  candidates?: PoolingCandidate[];
  /** Absent in a card of before there was calibration. */
  calibration?: HeadCalibration | null;
  /** What a multi-label head learnt by; absent for plain cross-entropy. */
  loss?: MultiLabelLoss;
  /** The model that the embeddings came from. */
  base: { name: string; revision: string | null; checksum: string };
  adapter: { checksum: string; rank: number; alpha: number } | null;
  data: { sources: string[]; revision: string | null; checksum: string; counts: Record<string, number>; note: string };
  training: Record<string, unknown>;
  metrics: Record<string, unknown>;
  createdBy: string;
};

/** A head, how the texts it reads become vectors, and where it comes from. Free `head` with `disposeHead`. */
export type TrainedHead = { head: ClassificationHead; pooling: ResolvedPooling; card: HeadCard };

/**
 * Writes `path` (`.pt`: a state dict of torch's `nn.Sequential(LayerNorm, Linear, ReLU, Linear)`, which `torch.load(weights_only=True)` opens) and
 * its card beside it (`.json`), with the checksum that ties the two together.
 */
export async function saveHead({ head, card }: TrainedHead, path: string): Promise<void> {
  const json = cardPath(path);
  const state = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, parameter] of head.parameters)
    state.set(name, { shape: parameter.shape, values: (await parameter.data()) as Float32Array });
  await writePt(path, state);
  await writeFileSafely(json, `${JSON.stringify({ ...card, file: basename(path), sha256: sha256(await readFile(path)) }, null, 2)}\n`);
}

/**
 * Reads a head and its card for use with `model`.
 * @param anyModel Accepts a model of the same width with other weights or another adapter than the head was trained on.
 * @throws NotFoundError where file or card is missing; FormatError where one is damaged or they do not belong together; RangeError where the head
 * does not belong to the model.
 */
export async function loadHead(path: string, model: CausalLM, { anyModel = false }: { anyModel?: boolean } = {}): Promise<TrainedHead> {
  const raw = await readJson(folderSource(dirname(path)), basename(cardPath(path)));
  const card = cardOf(raw, cardPath(path));
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new NotFoundError(`${path}: there is no such file`);
    throw error;
  });
  if (raw.sha256 !== sha256(bytes))
    throw new FormatError(expected(path, `the file that ${basename(cardPath(path))} describes`, "another one", "Copy both again"));
  await checkFits(card, model, path, anyModel);
  const shape = { kind: card.kind, hidden: card.hidden, inner: card.inner, classes: card.labels.length };
  const state = readPt(bytes, path);
  const named = (shapes: Iterable<readonly [string, readonly number[]]>) =>
    [...shapes].map(([name, size]) => `${name} [${size.join(", ")}]`).join(", ");
  const [wanted, got] = [named(headShapes(shape)), named([...state].map(([name, tensor]) => [name, tensor.shape] as const))];
  if (wanted !== got) throw new FormatError(`${path}: expected ${wanted}, as its card says, got ${got}`);
  const values = new Map([...state].map(([name, tensor]) => [name, tensor.values]));
  const skewed = skewOf(card);
  return { head: { ...headOf(shape, values, card.dropout), ...(skewed ? { skewed } : {}) }, pooling: card.pooling, card };
}

/** Why a head's probabilities must not be summed, by how it was trained; `null` where they may be. */
export function skewOf({ loss, calibration }: Pick<HeadCard, "loss" | "calibration">): string | null {
  if (loss && !isUnweighted(loss)) return loss.kind === "bce" ? "one trained with class weights" : `one trained with the ${loss.kind} loss`;
  return calibration ? null : "one that was not calibrated";
}

/** What a card says of the model that a head is trained on. */
export async function modelOfCard({ source, adapter, ...model }: CausalLM): Promise<Pick<HeadCard, "base" | "adapter">> {
  const checksum = await adapterChecksum(adapter);
  return {
    base: { ...source, checksum: await weightsChecksum({ source, adapter, ...model }) },
    adapter: adapter && checksum ? { checksum, rank: adapter.config.rank, alpha: adapter.config.alpha } : null,
  };
}

async function checkFits(card: HeadCard, model: CausalLM, path: string, anyModel: boolean): Promise<void> {
  const of = `the model that the head was trained on (${card.base.name})`;
  if (card.hidden !== model.config.hidden) {
    throw new RangeError(
      expected(path, `a model with hidden size ${card.hidden}, that of ${of}`, `${model.source.name} with ${model.config.hidden}`),
    );
  }
  resolvePooling(model, card.pooling);
  if (anyModel) return;
  const remedy = "Its embeddings mean something else to the head. Load that model, train the head anew, or pass { anyModel: true }";
  const now = await modelOfCard(model);
  if (now.base.checksum !== card.base.checksum) throw new RangeError(expected(path, of, `other weights (${model.source.name})`, remedy));
  const [wanted, got] = [card.adapter?.checksum ?? null, now.adapter?.checksum ?? null];
  if (card.pooling.pooling === "input-mean" || wanted === got) return; // input embeddings know of no adapter
  const adapter = (checksum: string | null) => (checksum ? `adapter ${checksum}` : "no adapter");
  throw new RangeError(expected(path, `${of}, with ${adapter(wanted)}`, adapter(got), remedy));
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function cardPath(path: string): string {
  if (!path.endsWith(".pt")) throw new RangeError(expected("head file", "a name that ends in .pt", path));
  return `${path.slice(0, -3)}.json`;
}

function cardOf(raw: Record<string, unknown>, path: string): HeadCard {
  const check = (valid: boolean, name: string, what: string) => {
    if (!valid)
      throw new FormatError(
        expected(
          `${path}: ${name}`,
          what,
          name.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], raw),
        ),
      );
  };
  const card = raw as unknown as HeadCard;
  const isObject = (value: unknown) => typeof value === "object" && value !== null;
  check(card.format === 1, "format", "1");
  check(card.kind === "multi-label" || card.kind === "single-label", "kind", '"multi-label" or "single-label"');
  check(
    Array.isArray(card.labels) && card.labels.length > 0 && card.labels.every((label) => typeof label === "string"),
    "labels",
    "a list of names",
  );
  for (const name of ["hidden", "inner"] as const)
    check(Number.isInteger(card[name]) && card[name] > 0, name, "a whole number, at least 1");
  check(typeof card.dropout === "number" && card.dropout >= 0 && card.dropout < 1, "dropout", "a number from 0 to 1");
  check(isObject(card.pooling) && POOLINGS.includes(card.pooling.pooling), "pooling.pooling", POOLINGS.join(", "));
  const { layer, mix } = card.pooling;
  check(layer === undefined || Number.isInteger(layer), "pooling.layer", "a whole number, or none for the last");
  check((card.pooling.pooling === "mix") === Array.isArray(mix), "pooling.mix", "weights for the pooling mix, else none");
  check(Number.isInteger(card.pooling.maxTokens), "pooling.maxTokens", "a whole number");
  check(card.pooling.cut === "left" || card.pooling.cut === "right", "pooling.cut", '"left" or "right"');
  check(isObject(card.base) && typeof card.base.checksum === "string", "base.checksum", "a checksum");
  check(card.adapter === null || (isObject(card.adapter) && typeof card.adapter.checksum === "string"), "adapter.checksum", "a checksum");
  const { thresholds, labels, calibration } = card;
  const fits = (values: unknown) => Array.isArray(values) && values.length === labels.length && values.every(Number.isFinite);
  check(
    !calibration || (fits(calibration.scale) && fits(calibration.shift)),
    "calibration.scale",
    `${labels.length} numbers, and as many of shift`,
  );
  check(thresholds === null || fits(thresholds), "thresholds", `null or ${labels.length} numbers`);
  return card;
}
