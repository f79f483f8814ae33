import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { openSafetensors } from "../../src/files/safetensors.js";
import { folderSource } from "../../src/files/source.js";
import { adapterChecksum, weightsChecksum } from "../../src/models/checksum.js";
import { disposeModel } from "../../src/models/create.js";
import { embedBatches, embedPoolings, embedTexts, type Pooling, type PoolOptions, resolvePooling } from "../../src/models/embed.js";
import { hiddenStates, inputsOf, passTensors, startPass } from "../../src/models/forward.js";
import { loadModel } from "../../src/models/load.js";
import { disposeAdapter, mergeAdapter } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { distance, formulaLora, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";
import { shared } from "../shared.js";
import { temporaryFolder } from "../temporary-folder.js";
import { tinyTokenizer } from "../text/tiny.js";

const TEXTS = ["I am fine.", "No", "What a long day it was, and it is not over yet!", "No", "ok then"];
let gpt2: CausalLM;
let llama: CausalLM;

beforeAll(async () => {
  const [bytes, pieces] = [tinyTokenizer("bytes"), tinyTokenizer("pieces")];
  gpt2 = { ...(await formulaModel({ ...tinyGpt2, vocab_size: bytes.vocabSize, n_positions: 64 })), tokenizer: bytes };
  llama = { ...(await formulaModel({ ...tinyLlama, vocab_size: pieces.vocabSize })), tokenizer: pieces };
});
afterAll(() => {
  for (const model of [gpt2, llama]) disposeModel(model);
});

/** Hidden states `[time, hidden]` of one text by itself. */
const statesOf = (model: CausalLM, ids: number[]): number[][] =>
  tf.tidy(
    () =>
      hiddenStates(model, inputsOf([ids]))
        .squeeze([0])
        .arraySync() as number[][],
  );
const meanOf = (rows: number[][]): number[] => rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
const rowOf = ({ values, hidden }: { values: Float32Array; hidden: number }, row: number) =>
  values.subarray(row * hidden, (row + 1) * hidden);

it("pools the states of a text as if it were alone, whatever stands beside it in the batch", async () => {
  for (const model of [gpt2, llama]) {
    for (const batchTokens of [1, 24, 40, 4096]) {
      const [mean, last] = [
        await embedTexts(model, TEXTS, { pooling: "mean", batchTokens }),
        await embedTexts(model, TEXTS, { pooling: "last", batchTokens }),
      ];
      expect(mean.values).toHaveLength(TEXTS.length * 32);
      TEXTS.forEach((text, i) => {
        const states = statesOf(model, model.tokenizer!.encode(text));
        expect(distance(rowOf(mean, i), meanOf(states)), text).toBeLessThan(1e-5);
        expect(distance(rowOf(last, i), states.at(-1)!), text).toBeLessThan(1e-5);
      });
    }
  }
});

it("takes the mean of the input embeddings without positions, model or adapter where asked to", async () => {
  const table = (gpt2.weights.get(gpt2.type.embedding) as Tensor2D).arraySync();
  const adapted = formulaLora(gpt2, { rank: 2 });
  for (const model of [gpt2, adapted]) {
    const embeddings = await embedTexts(model, TEXTS, { pooling: "input-mean" });
    TEXTS.forEach((text, i) => {
      expect(distance(rowOf(embeddings, i), meanOf(gpt2.tokenizer!.encode(text).map((id) => table[id]!)))).toBeLessThan(1e-6);
    });
  }
  disposeAdapter(adapted.adapter!);
});

it("weighs later tokens more, or those that the mean attends to, where asked to", async () => {
  for (const model of [gpt2, llama]) {
    for (const batchTokens of [24, 4096]) {
      const position = await embedTexts(model, TEXTS, { pooling: "position", batchTokens });
      const attention = await embedTexts(model, TEXTS, { pooling: "attention", batchTokens });
      TEXTS.forEach((text, i) => {
        const states = statesOf(model, model.tokenizer!.encode(text));
        const places = states.map((_, at) => at + 1);
        expect(distance(rowOf(position, i), weighted(states, places)), text).toBeLessThan(1e-5);
        const scores = states.map((state) => state.reduce((sum, value, k) => sum + value * meanOf(states)[k]!, 0) / Math.sqrt(32));
        const most = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - most));
        expect(distance(rowOf(attention, i), weighted(states, weights)), text).toBeLessThan(1e-5);
      });
    }
  }
});

/** The mean of rows by weights that need not have the sum 1. */
function weighted(rows: number[][], weights: number[]): number[] {
  const total = weights.reduce((a, b) => a + b, 0);
  return rows[0]!.map((_, k) => rows.reduce((sum, row, i) => sum + (weights[i]! / total) * row[k]!, 0));
}

it("takes the states of a layer: 0 is what goes into the first block, the last is after the norm", async () => {
  const [table, places] = ["transformer.wte.weight", "transformer.wpe.weight"].map(
    (name) => (gpt2.weights.get(name) as Tensor2D).arraySync() as number[][],
  ) as [number[][], number[][]];
  const first = await embedTexts(gpt2, TEXTS, { pooling: "mean", layer: 0 });
  const last = await embedTexts(gpt2, TEXTS, { pooling: "mean", layer: gpt2.config.layers });
  const middle = await embedTexts(gpt2, TEXTS, { pooling: "last", layer: 1 });
  const through = (text: string) =>
    tf.tidy(() => {
      const inputs = inputsOf([gpt2.tokenizer!.encode(text)]);
      const pass = startPass(gpt2, passTensors(gpt2, inputs), null);
      const x = gpt2.type.forward(pass.block(0), gpt2.type.embed(pass.outer, pass.ids, pass.positions), pass.context);
      return x.squeeze([0]).arraySync() as number[][];
    });
  TEXTS.forEach((text, i) => {
    const ids = gpt2.tokenizer!.encode(text);
    expect(distance(rowOf(first, i), meanOf(ids.map((id, at) => table[id]!.map((value, k) => value + places[at]![k]!))))).toBeLessThan(
      1e-5,
    );
    expect(distance(rowOf(middle, i), through(text).at(-1)!)).toBeLessThan(1e-5);
  });
  expect(distance(last.values, (await embedTexts(gpt2, TEXTS, { pooling: "mean" })).values)).toBe(0);
});

it("computes several poolings in one pass, mixes layers by their weights, and shares caches with each alone", async () => {
  const cacheFolder = temporaryFolder();
  const choices = [{ pooling: "last" }, { pooling: "mean", layer: 1 }, { pooling: "mix" }, { pooling: "input-mean" }] as const;
  const poolings = choices.map((choice) => resolvePooling(gpt2, choice));
  const all = await finished(embedPoolings(gpt2, TEXTS, poolings, { cacheFolder, batchTokens: 24 }));
  expect(all.map(({ hidden }) => hidden)).toEqual([32, 32, 32 * 3, 32]);
  let cached = 0;
  const alone = (options: PoolOptions) =>
    embedTexts(gpt2, TEXTS, {
      ...options,
      cacheFolder,
      onProgress: (progress) => {
        cached = progress.cached;
      },
    });
  for (const [i, choice] of choices.entries()) {
    if (choice.pooling === "mix") continue;
    expect(distance((await alone(choice)).values, all[i]!.values)).toBe(0);
    expect(cached).toBe(TEXTS.length);
  }
  const mix = [0.2, 0.5, 0.3];
  const mixed = await alone({ pooling: "mix", mix });
  expect(cached).toBe(TEXTS.length);
  const layers = all[2]!;
  TEXTS.forEach((_, i) => {
    const wanted = Array.from({ length: 32 }, (_, k) =>
      mix.reduce((sum, weight, layer) => sum + weight * rowOf(layers, i)[layer * 32 + k]!, 0),
    );
    expect(distance(rowOf(mixed, i), wanted)).toBeLessThan(1e-6);
  });
  expect(readdirSync(cacheFolder)).toHaveLength(5); // last, three layers' means, input-mean
});

async function finished<T>(run: AsyncGenerator<unknown, T>): Promise<T> {
  for (;;) {
    const step = await run.next();
    if (step.done) return step.value;
  }
}

it("lets an empty text stand as a single BOS or EOS", async () => {
  expect(gpt2.tokenizer!.encode("")).toEqual([]);
  for (const pooling of ["mean", "last", "input-mean"] as const) {
    const { values } = await embedTexts(gpt2, ["", "No"], { pooling });
    expect(values.every(Number.isFinite)).toBe(true);
  }
  const special = gpt2.tokenizer!.bosId ?? gpt2.tokenizer!.eosId ?? gpt2.tokenizer!.padId;
  expect(distance(rowOf(await embedTexts(gpt2, [""], { pooling: "mean" }), 0), statesOf(gpt2, [special])[0]!)).toBeLessThan(1e-5);
  expect((await embedTexts(gpt2, [], { pooling: "mean" })).values).toHaveLength(0);
});

it("cuts a long text on the side that was asked for and keeps BOS in front", async () => {
  const long = "one two three four five six seven";
  const ids = llama.tokenizer!.encode(long);
  expect(llama.tokenizer!.addsBos).toBe(true);
  for (const [cut, kept] of [
    ["right", ids.slice(0, 6)],
    ["left", ids.slice(0, 1).concat(ids.slice(-5))],
  ] as const) {
    const embedded = await embedTexts(llama, [long], { pooling: "last", maxTokens: 6, cut });
    expect(distance(embedded.values, statesOf(llama, kept).at(-1)!), cut).toBeLessThan(1e-5);
  }
});

it("refuses options that do not fit the model", async () => {
  await expect(embedTexts({ ...gpt2, tokenizer: null }, ["a"], { pooling: "mean" })).rejects.toThrow("a model with a tokenizer");
  await expect(embedTexts(gpt2, ["a"], { pooling: "max" as Pooling })).rejects.toThrow(
    'pooling: expected mean, last, position, attention, mix, input-mean, got "max"',
  );
  await expect(embedTexts(gpt2, ["a"], { pooling: "mean", maxTokens: 65 })).rejects.toThrow(
    "maxTokens: expected a whole number from 2 to 64, got 65",
  );
  for (const [options, message] of [
    [{ pooling: "mean", layer: 3 }, "pooling layer: expected a whole number from 0 to 2, got 3"],
    [{ pooling: "input-mean", layer: 1 }, "pooling layer: expected none for input-mean, got 1"],
    [{ pooling: "mix" }, "pooling mix: expected the weights of the layers"],
    [{ pooling: "mix", mix: [0.5, 0.5] }, "pooling mix: expected 3 weights with the sum 1"],
    [{ pooling: "mean", mix: [0.2, 0.4, 0.4] }, "pooling mix"],
  ] as const)
    await expect(embedTexts(gpt2, ["a"], options)).rejects.toThrow(message);
});

it("takes known texts from the cache, computes the others, and says how many were which", async () => {
  const cacheFolder = temporaryFolder();
  const embed = async (model: CausalLM, texts: string[], pooling: Pooling = "mean", maxTokens = 32) => {
    let cached = 0;
    const embeddings = await embedTexts(model, texts, {
      pooling,
      maxTokens,
      cacheFolder,
      onProgress: (progress) => {
        cached = progress.cached;
      },
    });
    return { ...embeddings, cached };
  };
  const first = await embed(gpt2, TEXTS.slice(0, 2));
  const second = await embed(gpt2, TEXTS);
  const third = await embed(gpt2, [...TEXTS].reverse());
  expect([first.cached, second.cached, third.cached]).toEqual([0, 3, 5]); // "No" stands there twice
  expect(distance(second.values, (await embedTexts(gpt2, TEXTS, { pooling: "mean", maxTokens: 32 })).values)).toBeLessThan(1e-6);
  expect(distance(rowOf(third, 0), rowOf(second, 4))).toBe(0);
  const adapted = formulaLora(gpt2, { rank: 2 });
  const merged = mergeAdapter(adapted);
  expect([(await embed(adapted, TEXTS)).cached, (await embed(merged, TEXTS)).cached]).toEqual([0, 0]);
  expect([
    (await embed(gpt2, TEXTS, "last")).cached,
    (await embed(gpt2, TEXTS, "mean", 31)).cached,
    (await embed(adapted, TEXTS)).cached,
  ]).toEqual([0, 0, 5]);
  expect(readdirSync(cacheFolder)).toHaveLength(5);
  disposeAdapter(adapted.adapter!);
  disposeModel(merged);
});

it("keeps hashes and vectors, not the texts, and writes a damaged cache anew", async () => {
  const cacheFolder = temporaryFolder();
  await embedTexts(gpt2, TEXTS, { pooling: "mean", cacheFolder });
  const [file] = readdirSync(cacheFolder) as [string];
  const { entries, metadata } = await openSafetensors(folderSource(cacheFolder), file);
  expect([...entries].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`).sort()).toEqual([
    "hashes U8 4,16",
    "vectors F32 4,32",
  ]);
  expect(metadata).toMatchObject({ pooling: "mean", maxTokens: "64", adapter: "none" });
  expect(readFileSync(join(cacheFolder, file)).includes("I am fine")).toBe(false);
  writeFileSync(join(cacheFolder, file), "damaged");
  let cached = -1;
  const again = await embedTexts(gpt2, TEXTS, {
    pooling: "mean",
    cacheFolder,
    onProgress: (progress) => {
      cached = progress.cached;
    },
  });
  expect(cached).toBe(0);
  expect(again.values.every(Number.isFinite)).toBe(true);
  expect((await openSafetensors(folderSource(cacheFolder), file)).entries.size).toBe(2);
});

it("keeps what two writers added, and what was done before a stop", async () => {
  const cacheFolder = temporaryFolder();
  const one = embedBatches(gpt2, TEXTS.slice(0, 2), { pooling: "mean", cacheFolder });
  await one.next(); // has read the empty cache
  await embedTexts(gpt2, TEXTS.slice(2), { pooling: "mean", cacheFolder });
  while (!(await one.next()).done);
  for await (const { done } of embedBatches(gpt2, ["a", "b", "c", "d"], { pooling: "mean", cacheFolder, batchTokens: 2 }))
    if (done === 2) break;
  const counts: number[] = [];
  await embedTexts(gpt2, [...TEXTS, "a", "b", "c", "d"], {
    pooling: "mean",
    cacheFolder,
    onProgress: ({ cached }) => void counts.push(cached),
  });
  expect(counts.at(-1)).toBe(TEXTS.length + 2);
});

it("knows a model by its weights and an adapter by its values", async () => {
  const sums = async (model: CausalLM) => [await weightsChecksum(model), await adapterChecksum(model.adapter)];
  const [adapted, other] = [formulaLora(gpt2, { rank: 2 }), formulaLora(gpt2, { rank: 2, alpha: 3 })];
  const [base, one, two] = [await sums(gpt2), await sums(adapted), await sums(other)];
  expect(base).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), null]);
  expect(one[0]).toBe(base[0]);
  expect(new Set([one[1], two[1], null]).size).toBe(3);
  expect(await weightsChecksum({ ...gpt2, source: { name: "moved", revision: "x" } })).toBe(base[0]);
  const name = "transformer.h.1.mlp.c_proj.bias";
  const changed = tf.tidy(() => tf.add(gpt2.weights.get(name)!, 1e-3));
  expect(await weightsChecksum({ ...gpt2, weights: new Map([...gpt2.weights, [name, changed]]) })).not.toBe(base[0]);
  taken(changed);
  for (const { adapter } of [adapted, other]) disposeAdapter(adapter!);
});

it("leaves no tensors behind, also when stopped", async () => {
  const cacheFolder = temporaryFolder();
  const lost = await leaked(async () => {
    for (const pooling of ["mean", "last", "attention", "input-mean"] as const) await embedTexts(gpt2, TEXTS, { pooling, cacheFolder });
    await finished(embedPoolings(gpt2, TEXTS, [resolvePooling(gpt2, { pooling: "mix" }), resolvePooling(gpt2, { pooling: "last" })]));
    for await (const { done } of embedBatches(llama, TEXTS, { pooling: "mean", batchTokens: 1 })) if (done > 1) break;
  });
  expect(lost).toBe(0);
});

type Golden = {
  prompts: {
    text: string;
    final_hidden_mean_pooled_first8: number[];
    final_hidden_last_token_first8: number[];
    input_embedding_mean_pooled_first8: number[];
  }[];
};

it.skipIf(!shared)("equals the reference's pooled vectors of a trained model", async () => {
  const folder = join(shared!, "weights", "stories260K");
  const golden = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Golden;
  const model = await loadModel(join(folder, "hf"));
  let compared = 0;
  for (const [pooling, field] of [
    ["mean", "final_hidden_mean_pooled_first8"],
    ["last", "final_hidden_last_token_first8"],
    ["input-mean", "input_embedding_mean_pooled_first8"],
  ] as const) {
    const embeddings = await embedTexts(
      model,
      golden.prompts.map(({ text }) => text),
      { pooling },
    );
    golden.prompts.forEach((prompt, i) => {
      expect(distance(rowOf(embeddings, i).subarray(0, 8), prompt[field]), `${pooling} of prompt ${i}`).toBeLessThan(1e-3);
      compared++;
    });
  }
  expect(compared).toBe(9);
  disposeModel(model);
});
