import { join, resolve } from "node:path";
import { expected } from "../core/errors.js";
import { world } from "../data/world.js";

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
  /** A path below `out`. */
  path(...parts: string[]): string;
  /** A number that the environment may override: `number("SFT_STEPS", 80)` reads `EQLAB_SFT_STEPS`. */
  number(name: string, fallback: number): number;
};

/** Reads `EQLAB_DATA`, `EQLAB_MODEL` and `EQLAB_OUT`; without them the embedded world, and `out/demo` above the notebooks. */
export function runSettings(env: NodeJS.ProcessEnv = process.env): RunSettings {
  const out = resolve(env.EQLAB_OUT ?? join("..", "out", "demo"));
  return {
    data: env.EQLAB_DATA ?? null,
    model: env.EQLAB_MODEL ?? world("model"),
    out,
    real: env.EQLAB_DATA !== undefined,
    path: (...parts) => join(out, ...parts),
    number(name, fallback) {
      const text = env[`EQLAB_${name}`];
      const value = text === undefined ? fallback : Number(text);
      if (!Number.isFinite(value)) throw new RangeError(expected(`EQLAB_${name}`, "a number", text));
      return value;
    },
  };
}
