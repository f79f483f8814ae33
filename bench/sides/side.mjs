/** What all of our sides share: their settings, the model with the formula's adapter, and the one line that they end with. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as eq from "../../dist/index.js";
import { integers, loraA } from "../formula.mjs";

export const SETTINGS = JSON.parse(process.argv[2]);

/** `precision`: as `loadModel` takes it; left out in f32, its default. */
export const precisionOption = SETTINGS.precision && SETTINGS.precision !== "f32" ? { precision: SETTINGS.precision } : {};

export const loadModel = () => eq.loadModel(SETTINGS.modelFolder, precisionOption);

/** The model with a fresh adapter that the peer has too. */
export function withAdapter(model) {
  const adapted = eq.addLora(model, { rank: SETTINGS.rank, alpha: SETTINGS.alpha, targets: "all-linear" });
  for (const [name, { a }] of adapted.adapter.modules)
    eq.tf.tidy(() => a.assign(eq.tf.tensor(loraA(name, a.shape[0], a.shape[1]), a.shape)));
  return adapted;
}

/** A row of token ids by formula. */
export const tokenRow = (name, length, model) => integers(name, length, model.config.vocab);

export const lines = (name) =>
  readFileSync(join(SETTINGS.folder, `${name}.jsonl`), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

export const peakBytes = () => process.resourceUsage().maxRSS * 1024;

/** What a training yields: the loss of each step, what each counted, when each ended and when the first began, in seconds. */
export async function stepsOf(events) {
  const [losses, counts, ends] = [[], [], []];
  let started = performance.now();
  for await (const event of events) {
    if (event.kind === "start") started = performance.now();
    if (event.kind !== "step") continue;
    losses.push(event.loss);
    counts.push(event.count);
    ends.push((performance.now() - started) / 1000);
  }
  return { losses, counts, ends };
}

export const sum = (values) => values.reduce((a, b) => a + b, 0);

/** `speed`: in the case's unit. `chosen`: settings worth stating. `figures`: further numbers. */
export async function finish({ speed, peak, results, chosen = {}, figures = {} }) {
  const { name, device } = await eq.startEngine();
  const versions = { node: process.version, tfjs: eq.tf.version.tfjs ?? eq.tf.version_core, engine: name, device };
  console.log(
    `\n${JSON.stringify({ speed, peakBytes: peak, results, chosen: { ...chosen, ...precisionOption }, tried: {}, figures, versions })}`,
  );
}

/** Says that the library cannot do what the case asks for. */
export const unsupported = (reason) => console.log(`\n${JSON.stringify({ unsupported: reason })}`);
