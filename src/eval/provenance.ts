import { createHash } from "node:crypto";
import { arch, availableParallelism, platform } from "node:os";
import { tensorflowVersion } from "../core/doctor.js";
import { startEngine } from "../core/engine.js";
import { require, tf } from "../core/tf.js";
import { weightsChecksum } from "../models/checksum.js";
import type { EqResults, EvaluatorRow } from "./eq-rows.js";
import type { EqSettings } from "./eq-settings.js";
import { headChecksum, macroF1Of, STEERING } from "./evaluators.js";
import type { HeadReader } from "./readings.js";

/** The evaluators and, last, the head that steers. */
export async function evaluatorRows({ evaluators, heads }: EqSettings): Promise<EvaluatorRow[]> {
  const rows = evaluators.map(async ({ name, macroF1, checksum }) => ({ name, steers: false, macroF1, checksum: await checksum() }));
  const { card, head } = heads.emotion;
  const steering = { name: STEERING, steers: true, macroF1: macroF1Of(card), checksum: await headChecksum(head) };
  return [...(await Promise.all(rows)), steering];
}

/** All options as they were resolved. */
export function plainSettings(settings: EqSettings): EqResults["settings"] {
  const { candidates, maxNewTokens, temperature, topP, repetitionPenalty, officialTokens, seed, labelSet, labels, weight, batchSize } =
    settings;
  const { questions, available, heads, embedder, evaluators, dataRevision, human } = settings;
  const pooling = (reader: HeadReader | undefined) => (reader ? JSON.stringify(reader.pooling) : null);
  return {
    ...{ questions: questions.length, available, partial: questions.length < available },
    ...{ candidates, maxNewTokens, temperature, topP, repetitionPenalty, officialTokens, seed, batchSize },
    ...{ labelSet, labels: labels.join(", "), weight, embedder: embedder.source.name, dataRevision, humanItems: human.length },
    evaluator: evaluators[0]!.name,
    evaluators: evaluators.map(({ name }) => name).join(", "),
    emotionPooling: pooling(heads.emotion),
    strategyNextPooling: pooling(heads.strategyNext),
    strategyGivenPooling: pooling(heads.strategyGiven),
  };
}

/** What the numbers depend on beside the settings, so that a run can be repeated: versions, engine, kind of machine, checksums of data and heads. */
export async function provenance({ questions, human, heads, embedder, dialogue }: EqSettings): Promise<Record<string, string>> {
  const { name, device } = await startEngine();
  const { version } = require("../../package.json") as { version: string };
  const headOf = async (reader: HeadReader | undefined) => (reader ? await headChecksum(reader.head) : "none");
  return {
    eqlab: version,
    node: process.version,
    tfjs: tf.version.tfjs,
    engine: `${name} on ${device}`,
    tensorflow: tensorflowVersion(),
    machine: `${platform()} ${arch()}, ${availableParallelism()} processors`,
    questions: checksumOf(questions),
    "dialogues as the strategy head reads them": checksumOf(questions.map(dialogue)),
    "held-out replies": human.length === 0 ? "none" : checksumOf(human),
    "embedder weights": await weightsChecksum(embedder),
    "emotion head": await headOf(heads.emotion),
    "next-strategy head": await headOf(heads.strategyNext),
    "given-strategy head": await headOf(heads.strategyGiven),
  };
}

const checksumOf = (data: unknown): string => createHash("sha256").update(JSON.stringify(data)).digest("hex").slice(0, 16);
