import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { expected } from "../core/errors.js";
import { seedFolder } from "../eval/variant-folders.js";
import { readNotebook } from "../kernel/notebook/file.js";
import { root, stateFile } from "../setup/paths.mjs";
import { execute } from "./run.js";

export const NOTEBOOKS = ["01_sft", "02_heads", "03_dpo", "04_eqbench"] as const;
type NotebookName = (typeof NOTEBOOKS)[number];
/** Those whose result depends on a seed that matters for what is compared. */
const TRAINING: readonly NotebookName[] = ["01_sft", "03_dpo"];
const EVALUATION: NotebookName = "04_eqbench";

/** What a full run leaves behind, beside the notebooks. */
const ARTEFACTS = [
  "sft/adapter_config.json",
  "sft/adapter_model.safetensors",
  "heads/emotion_head.pt",
  "heads/emotion_head.json",
  "heads/strategy_head.pt",
  "heads/strategy_head.json",
  "heads/emotion_steering_head.pt",
  "heads/emotion_judging_head.pt",
  "heads/emotion_words.safetensors",
  "pairs.jsonl",
  "dpo/adapter_config.json",
  "dpo/adapter_model.safetensors",
  "results.xlsx",
  "results2.xlsx",
  "samples.jsonl",
  "summary.json",
  "report.html",
] as const;

/** Smaller counts for an engine that is 10 to 30 times slower; what the environment already sets stays. */
const SLOW_SETTINGS = {
  EQLAB_SFT_STEPS: "12",
  EQLAB_SFT_LENGTH: "192",
  EQLAB_HELD_OUT: "24",
  EQLAB_HEAD_TEXTS: "240",
  EQLAB_HEAD_DIALOGUES: "40",
  EQLAB_DPO_PAIRS: "32",
  EQLAB_DPO_STEPS: "8",
  EQLAB_EQ_QUESTIONS: "8",
  EQLAB_EQ_TOKENS: "24",
  EQLAB_EQ_HUMAN: "4",
  EQLAB_CONTROLS: "0",
} as const;

export const HELP = `eqlab demo: runs the four notebooks in order, each taking what the one before it wrote

  eqlab demo [--out DIR] [--data DIR] [--model DIR|ID] [--seeds N] [--only NOTEBOOK] [--kernel eqlab|tslab]
  --out      where the executed notebooks and all they write go; out/demo unless told
  --data     a folder laid out like the real data sets; the embedded data unless told
  --model    a folder or a Hub id; the embedded model unless told
  --seeds    how often 01 and 03 train, each time with another seed; 04 then shows their spread. 1 unless told
  --only     one notebook, by the beginning of its name; it takes what the others left in --out
  --kernel   which kernel runs them; eqlab unless told
Interrupted or broken off, the same command goes on: embeddings, generations and a training's checkpoints are kept. Variables EQLAB_… set the
counts in the notebooks, e.g. EQLAB_SFT_STEPS=20.`;

/** `eqlab demo`: runs the four notebooks in order, each taking what the one before it wrote; with more seeds the training ones several times. */
export async function demo(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      out: { type: "string", default: "out/demo" },
      data: { type: "string" },
      model: { type: "string" },
      kernel: { type: "string", default: "eqlab" },
      only: { type: "string" },
      seeds: { type: "string", default: "1" },
    },
  });
  const out = resolve(values.out);
  const seeds = Number(values.seeds);
  if (!Number.isInteger(seeds) || seeds < 1) throw new RangeError(expected("--seeds", "a whole number, at least 1", values.seeds));
  const slow = slowEngine();
  const env = {
    ...(slow ? { ...SLOW_SETTINGS, ...given(SLOW_SETTINGS) } : {}),
    ...(values.data ? { EQLAB_DATA: existsSync(values.data) ? resolve(values.data) : values.data } : {}),
    ...(values.model ? { EQLAB_MODEL: existsSync(values.model) ? resolve(values.model) : values.model } : {}),
  };
  if (slow) {
    console.log(`The WASM engine is used, 10 to 30 times slower than the native one: ${slow}`);
    console.log(
      `So the stages run with smaller counts: ${Object.keys(SLOW_SETTINGS)
        .map((name) => `${name}=${env[name as keyof typeof env]}`)
        .join(" ")}`,
    );
  }
  const chosen = NOTEBOOKS.filter((name) => !values.only || name.startsWith(values.only));
  if (chosen.length === 0) throw new RangeError(`--only: expected the start of one of ${NOTEBOOKS.join(", ")}, got "${values.only}"`);
  const began = performance.now();
  for (const { name, seed } of stages(chosen, seeds)) {
    const folder = seedFolder(out, seed);
    await mkdir(folder, { recursive: true });
    console.log(`\n${name}${seed > 0 ? `, seed ${seed}` : ""}`);
    const start = performance.now();
    const notebook = await readNotebook(join(root, "notebooks", `${name}.ipynb`));
    const done = await execute(notebook, {
      kernel: values.kernel,
      target: join(folder, `${name}.ipynb`),
      folder: join(root, "notebooks"),
      env: { ...env, EQLAB_OUT: folder, ...(seed > 0 ? { EQLAB_SEED: String(seed) } : {}) },
    });
    if (!done) return console.error(`Interrupted. ${out} holds what was done.`);
    console.log(`  ${name} took ${seconds(start)} s`);
  }
  const missing = values.only ? [] : ARTEFACTS.filter((file) => !existsSync(join(out, file)));
  if (missing.length > 0) throw new Error(`the notebooks ran, but these files are missing in ${out}: ${missing.join(", ")}`);
  console.log(
    `\nDone in ${seconds(began)} s. Look at ${out}: report.html, the executed notebooks, results.xlsx, results2.xlsx, samples.jsonl and the charts (*.svg).`,
  );
}

/** The notebooks in order; before the last come those that train, once more for each further seed. */
function stages(names: readonly NotebookName[], seeds: number): { name: NotebookName; seed: number }[] {
  const further = Array.from({ length: seeds - 1 }, (_, i) => i + 1);
  const again = further.flatMap((seed) => names.filter((name) => TRAINING.includes(name)).map((name) => ({ name, seed })));
  const once = names.map((name) => ({ name, seed: 0 }));
  return [...once.filter(({ name }) => name !== EVALUATION), ...again, ...once.filter(({ name }) => name === EVALUATION)];
}

/** Those of `settings` that the environment sets itself. */
const given = (settings: object): NodeJS.ProcessEnv => Object.fromEntries(Object.entries(process.env).filter(([name]) => name in settings));

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(0);

type SetupState = { engine?: string; engineReason?: string };

const setupState = (): SetupState => (existsSync(stateFile) ? (JSON.parse(readFileSync(stateFile, "utf8")) as SetupState) : {});

/** Empty with the native engine, else why it is not used. */
function slowEngine(): string {
  if (process.env.EQLAB_ENGINE === "wasm") return "EQLAB_ENGINE asks for it";
  const { engine, engineReason } = setupState();
  return engine === "wasm" ? engineReason || "the native one is not there" : "";
}
