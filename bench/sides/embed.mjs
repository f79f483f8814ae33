/** Ours: mean-pooled hidden states, nothing taken from a cache. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { embedTexts } from "../../dist/index.js";
import { finish, lines, loadModel, peakBytes, SETTINGS } from "./side.mjs";

const { folder, maxTokens, warmUp } = SETTINGS;
const texts = lines("data").map(({ text }) => text);
const model = await loadModel();
const embed = (some) => embedTexts(model, some, { pooling: "mean", maxTokens });

await embed(texts.slice(0, warmUp));
const began = performance.now();
const { values } = await embed(texts);
const speed = texts.length / ((performance.now() - began) / 1000);
const peak = peakBytes();
const vectors = join(folder, "vectors-ours.f32");
writeFileSync(vectors, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
await finish({ speed, peak, results: { vectors } });
