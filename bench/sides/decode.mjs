/** Ours: greedy decoding. */
import { generateAll } from "../../dist/index.js";
import { finish, loadModel, peakBytes, SETTINGS, sum, tokenRow } from "./side.mjs";

const { prompts: count, promptTokens, newTokens, repeats } = SETTINGS;
const model = await loadModel();
const prompts = Array.from({ length: count }, (_, i) => tokenRow(`prompt ${i}`, promptTokens - (i % 8), model));
const run = () => generateAll(model, prompts, { maxNewTokens: newTokens, eosIds: [], batchSize: count });

await run();
const began = performance.now();
let found;
for (let i = 0; i < repeats; i++) found = await run();
const seconds = (performance.now() - began) / 1000;
const tokens = found.map(({ ids }) => ids);
const speed = (repeats * sum(tokens.map(({ length }) => length))) / seconds;
await finish({ speed, peak: peakBytes(), results: { tokens } });
