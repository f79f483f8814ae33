import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expected } from "../core/errors.js";
import { world } from "../data/world.js";
import type { CheckpointOptions } from "../train/checkpoint.js";

/** What a notebook reads from its surroundings, so that the same cells run on the embedded default, on real data and on Kaggle. */
export type RunSettings = {
  /** Folder of the four data sets; `null` for the embedded ones. */
  data: string | null;
  /** Folder or Hub id of the base model. */
  model: string;
  /** Where artefacts go. */
  out: string;
  /** True with data of one's own: step and sample counts may be larger. */
  real: boolean;
  /** Of data order, initial weights and sampling. `eqlab demo --seeds 3` runs the training notebooks once for each. */
  seed: number;
  /** A path below `out`. */
  path(...parts: string[]): string;
  /** For a training that goes on where it was broken off when its cell runs again unchanged, and draws its whole curve. */
  checkpoint(name: string): CheckpointOptions;
  /** A number that the environment may override: `number("SFT_STEPS", 80)` reads `EQLAB_SFT_STEPS`. */
  number(name: string, fallback: number): number;
};

/**
 * Reads `EQLAB_DATA`, `EQLAB_MODEL` and `EQLAB_OUT`; without them, on Kaggle, what is attached there and a folder that is saved;
 * elsewhere the embedded world, and `out/demo` above the notebooks.
 */
export function runSettings(env: NodeJS.ProcessEnv = process.env): RunSettings {
  const kaggle = kaggleFolders(env.EQLAB_KAGGLE ?? "/kaggle");
  const out = resolve(env.EQLAB_OUT ?? kaggle.out ?? join("..", "out", "demo"));
  const data = env.EQLAB_DATA ?? kaggle.data ?? null;
  const number = (name: string, fallback: number): number => {
    const text = env[`EQLAB_${name}`];
    const value = text === undefined ? fallback : Number(text);
    if (!Number.isFinite(value)) throw new RangeError(expected(`EQLAB_${name}`, "a number", text));
    return value;
  };
  return {
    data,
    model: env.EQLAB_MODEL ?? kaggle.model ?? world("model"),
    out,
    real: data !== null,
    path: (...parts) => join(out, ...parts),
    checkpoint: (name) => ({ folder: join(out, "checkpoints", name), every: 25, resume: "matching", replay: true, keep: 1 }),
    seed: number("SEED", 0),
    number,
  };
}

const DATA_SETS = ["esconv", "goemotions", "empathetic_dialogues", "eq_bench"];
const MODEL_FILES = ["config.json", "tokenizer.json"];

/** What Kaggle offers: attached data and models somewhere below `input`, `working` for what is kept. Empty where there is no Kaggle. */
function kaggleFolders(root: string): { out?: string; data?: string | undefined; model?: string | undefined } {
  const [input, working] = [join(root, "input"), join(root, "working")];
  if (!existsSync(input) || !existsSync(working)) return {};
  const folders = foldersBelow(input);
  const holding = (names: string[]) => folders.find((folder) => names.every((name) => existsSync(join(folder, name))));
  return { out: join(working, "eqlab"), data: holding(DATA_SETS), model: holding(MODEL_FILES) };
}

/** Breadth first and by name, so that the choice is the same each time; six levels and 2,000 folders are more than Kaggle's own layouts. */
function foldersBelow(top: string): string[] {
  const found: string[] = [];
  for (let level = [top], depth = 0; level.length > 0 && depth < 6 && found.length < 2000; depth++) {
    found.push(...level);
    level = level.flatMap((folder) =>
      readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(folder, entry.name))
        .sort(),
    );
  }
  return found;
}
