import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expected, FormatError } from "../core/errors.js";
import { type Tensor, tf, type Variable } from "../core/tf.js";
import { fromFloat32, openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "../files/safetensors.js";
import { folderSource } from "../files/source.js";
import { replaceFolder } from "../files/write.js";
import type { AdamW } from "../optim/adamw.js";
import type { Best, ResolvedTrainOptions, TrainEvent } from "./loop.js";

export type CheckpointOptions = {
  /** Holds one folder for each checkpoint, `step-00000100`. */
  folder: string;
  /** Updates between checkpoints; the last step always makes one. */
  every: number;
  /**
   * Go on from the newest checkpoint in the folder, if there is one. It must be of this very run: the same options, data, model and parameters to
   * begin with. One of another run is an error, or with `matching` removed, and training begins anew.
   */
  resume?: boolean | "matching";
  /** When it goes on, gives the events of the steps and evaluations before once more, so that what is drawn and summed up is whole. */
  replay?: boolean;
  /** How many checkpoints stay; older ones are removed. */
  keep?: number;
};

const FORMAT = 2;
const EVENTS = "events.jsonl";
const FOLDER = /^step-(\d{8})$/;
type State = { format: number; step: number; run: string; best: { step: number | null; loss: number | null; since: number } };

/** A training that writes or reads checkpoints. */
export type CheckpointedRun = {
  parameters: Map<string, Variable>;
  optimizer: AdamW;
  best: Best;
  /** Of steps and evaluations so far. */
  events: TrainEvent[];
  /** `runHash` before the first step. */
  hash: string;
};

/** Everything that a resumed run needs to go on bit for bit: parameters, optimizer, best so far, events, step. Written beside the target and renamed. */
export async function saveCheckpoint(
  { folder, keep = 2 }: CheckpointOptions,
  step: number,
  { parameters, optimizer, best, events, hash }: CheckpointedRun,
): Promise<string> {
  const target = join(folder, `step-${String(step).padStart(8, "0")}`);
  const state: State = {
    format: FORMAT,
    step,
    run: hash,
    best: { step: best.step, loss: best.loss, since: best.since },
  };
  await replaceFolder(target, async (temporary) => {
    await writeSafetensors(join(temporary, "parameters.safetensors"), await packed(parameters));
    await writeSafetensors(join(temporary, "optimizer.safetensors"), await packed(optimizer.state()));
    await writeSafetensors(join(temporary, "best.safetensors"), await packed(best.copies));
    await writeFile(join(temporary, EVENTS), events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    await writeFile(join(temporary, "state.json"), JSON.stringify(state, null, 2));
  });
  for (const old of (await steps(folder)).slice(0, -keep)) await rm(join(folder, old), { recursive: true, force: true });
  return target;
}

/** Loads the newest checkpoint into the run; returns its step, 0 where there is none or `resume` is off. */
export async function loadCheckpoint(
  { folder, resume = false }: CheckpointOptions,
  { parameters, optimizer, best, events, hash }: CheckpointedRun,
): Promise<number> {
  const newest = resume ? (await steps(folder)).at(-1) : undefined;
  if (!newest) return 0;
  const source = folderSource(join(folder, newest));
  const state = JSON.parse(await readFile(join(folder, newest, "state.json"), "utf8")) as State;
  const ours = state.format === FORMAT && state.run === hash;
  if (!ours && resume === "matching") {
    for (const old of await steps(folder)) await rm(join(folder, old), { recursive: true, force: true });
    return 0;
  }
  if (state.format !== FORMAT) throw new FormatError(expected(`${newest}/state.json format`, FORMAT.toString(), state.format));
  if (!ours) {
    throw new Error(
      `${join(folder, newest)}: expected a checkpoint of a run with these options and parameters, got one of another run. Use another folder, leave out \`resume\`, or set it to "matching"`,
    );
  }
  const saved = await unpacked(source, "parameters.safetensors");
  for (const [name, parameter] of parameters) {
    const value = saved.get(name)!;
    tf.tidy(() => parameter.assign(tf.tensor(value.values, value.shape)));
  }
  optimizer.restore(await unpacked(source, "optimizer.safetensors"));
  const copies = new Map<string, Tensor>();
  for (const [name, { values, shape }] of await unpacked(source, "best.safetensors")) copies.set(name, tf.tensor(values, shape));
  best.resume(state.best, copies);
  const lines = (await readFile(join(folder, newest, EVENTS), "utf8")).split("\n");
  events.push(...lines.filter((line) => line !== "").map((line) => JSON.parse(line) as TrainEvent));
  return state.step;
}

async function steps(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => FOLDER.test(name)).sort();
}

/** 16 hex digits of what must be equal for a run to be the same run: its options, the number of steps too, and the parameters it begins with. */
export async function runHash({ checkpoint: _, ...options }: ResolvedTrainOptions, parameters: Map<string, Variable>): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(options));
  for (const [name, parameter] of parameters) {
    const values = (await parameter.data()) as Float32Array;
    hash.update(JSON.stringify([name, parameter.shape])).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}

async function packed(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, TensorToWrite>> {
  const result = new Map<string, TensorToWrite>();
  for (const [name, tensor] of tensors) result.set(name, fromFloat32((await tensor.data()) as Float32Array, tensor.shape, "F32"));
  return result;
}

async function unpacked(
  source: ReturnType<typeof folderSource>,
  path: string,
): Promise<Map<string, { shape: number[]; values: Float32Array }>> {
  const file = await openSafetensors(source, path);
  const result = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const name of file.entries.keys()) {
    const tensor = await file.read(name);
    result.set(name, { shape: tensor.shape, values: toFloat32(tensor) });
  }
  return result;
}
