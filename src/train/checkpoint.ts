import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expected, FormatError } from "../core/errors.js";
import { type Tensor, tf, type Variable } from "../core/tf.js";
import { fromFloat32, openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "../files/safetensors.js";
import { folderSource } from "../files/source.js";
import { replaceFolder } from "../files/write.js";
import type { AdamW } from "../optim/adamw.js";
import type { Best, ResolvedTrainOptions } from "./loop.js";

export type CheckpointOptions = {
  /** Holds one folder for each checkpoint, `step-00000100`. */
  folder: string;
  /** Updates between checkpoints; the last step always makes one. */
  every: number;
  /** Go on from the newest checkpoint in the folder, if there is one. Options and parameters must be those of the run that made it. */
  resume?: boolean;
  /** How many checkpoints stay; older ones are removed. */
  keep?: number;
};

const FORMAT = 1;
const FOLDER = /^step-(\d{8})$/;
type State = { format: number; step: number; run: string; best: { step: number | null; loss: number | null; since: number } };

/** Everything that a resumed run needs to go on bit for bit: parameters, optimizer, best so far, step. Written beside the target and renamed. */
export async function saveCheckpoint(
  { folder, keep = 2 }: CheckpointOptions,
  step: number,
  parameters: Map<string, Variable>,
  optimizer: AdamW,
  best: Best,
  options: ResolvedTrainOptions,
): Promise<string> {
  const target = join(folder, `step-${String(step).padStart(8, "0")}`);
  const state: State = {
    format: FORMAT,
    step,
    run: runHash(options, parameters),
    best: { step: best.step, loss: best.loss, since: best.since },
  };
  await replaceFolder(target, async (temporary) => {
    await writeSafetensors(join(temporary, "parameters.safetensors"), await packed(parameters));
    await writeSafetensors(join(temporary, "optimizer.safetensors"), await packed(optimizer.state()));
    await writeSafetensors(join(temporary, "best.safetensors"), await packed(best.copies));
    await writeFile(join(temporary, "state.json"), JSON.stringify(state, null, 2));
  });
  for (const old of (await steps(folder)).slice(0, -keep)) await rm(join(folder, old), { recursive: true, force: true });
  return target;
}

/** Loads the newest checkpoint into the parameters and the optimizer; returns its step, 0 where there is none or `resume` is off. */
export async function loadCheckpoint(
  { folder, resume = false }: CheckpointOptions,
  parameters: Map<string, Variable>,
  optimizer: AdamW,
  best: Best,
  options: ResolvedTrainOptions,
): Promise<number> {
  const newest = resume ? (await steps(folder)).at(-1) : undefined;
  if (!newest) return 0;
  const source = folderSource(join(folder, newest));
  const state = JSON.parse(await readFile(join(folder, newest, "state.json"), "utf8")) as State;
  if (state.format !== FORMAT) throw new FormatError(expected(`${newest}/state.json format`, FORMAT.toString(), state.format));
  if (state.run !== runHash(options, parameters)) {
    throw new Error(
      `${join(folder, newest)}: expected a checkpoint of a run with these options and parameters, got one of another run. Use another folder, or leave out \`resume\``,
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
  return state.step;
}

async function steps(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.filter((name) => FOLDER.test(name)).sort();
}

/** What must be equal for a run to be the same run; the number of steps may grow under a constant schedule only, so it counts. */
function runHash({ checkpoint: _, ...options }: ResolvedTrainOptions, parameters: Map<string, Variable>): string {
  const shapes = [...parameters].map(([name, { shape }]) => [name, shape]);
  return createHash("sha256")
    .update(JSON.stringify([options, shapes]))
    .digest("hex")
    .slice(0, 16);
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
