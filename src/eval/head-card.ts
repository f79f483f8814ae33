import { createHash } from "node:crypto";
import { require } from "../core/tf.js";
import { type HeadCard, modelOfCard } from "../models/head-files.js";
import type { CausalLM } from "../models/model.js";
import type { ClassificationHead } from "../nn/classification-head.js";
import type { HeadTask } from "./head-run.js";

type Told = Pick<HeadCard, "pooling" | "candidates" | "thresholds" | "calibration" | "loss" | "training" | "metrics">;

/** What is written beside a head: its task, where it comes from, and what it is worth. */
export async function headCard(
  model: CausalLM,
  { task, kind, labels, examples, sources, note }: Omit<HeadTask<object>, "measure" | "score">,
  { hidden, inner, dropout }: ClassificationHead,
  { dataRevision, ...rest }: Told & { dataRevision: string | null },
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
