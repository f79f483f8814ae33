import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generate, generateAll } from "../../src/generate/generate.js";
import type { GenerateOptions } from "../../src/generate/options.js";
import { disposeModel } from "../../src/models/create.js";
import { loadModel } from "../../src/models/load.js";
import { formulaIds, formulaLora, formulaModel, leaked, tinyGpt2, tinyLlama } from "../formula.js";
import { shared } from "../shared.js";
import { tinyTokenizer } from "../text/tiny.js";
import { scriptedModel } from "./scripted.js";

const prompts = [3, 8, 1, 5, 8].map((length, i) => formulaIds(`generate ${i}`, length, 61));
const sampled: GenerateOptions = { maxNewTokens: 12, temperature: 0.9, topK: 20, topP: 0.95, eosIds: [7], seed: 3 };

describe("sampled generation", () => {
  it("gives the same texts in any batch size, with some rows ending early", async () => {
    const model = await formulaModel(tinyLlama);
    const together = await generateAll(model, prompts, sampled);
    expect(new Set(together.map(({ ids }) => ids.length)).size).toBeGreaterThan(1);
    for (const batchSize of [1, 2, 3]) expect(await generateAll(model, prompts, { ...sampled, batchSize })).toEqual(together);
    disposeModel(model);
  });

  it("gives a prompt with a seed of its own the same text alone and among others", async () => {
    const model = await formulaModel(tinyGpt2);
    const seeds = [5, 6, 7, 8, 9];
    const together = await generateAll(model, prompts, { ...sampled, seeds, candidates: 3 });
    expect(together.map(({ prompt, candidate }) => [prompt, candidate])).toEqual(prompts.flatMap((_, i) => [0, 1, 2].map((k) => [i, k])));
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generateAll(model, [prompt], { ...sampled, seeds: [seeds[i]!] });
      expect(alone[0]!.ids).toEqual(together[3 * i]!.ids);
    }
    disposeModel(model);
  });

  it("gives different texts to candidates, equal prompts and other seeds", async () => {
    const model = await formulaModel(tinyLlama);
    const same = [prompts[1]!, prompts[1]!];
    const texts = [
      ...(await generateAll(model, same, { ...sampled, eosIds: [], candidates: 4, batchSize: 3 })),
      ...(await generateAll(model, same, { ...sampled, eosIds: [], seed: 4 })),
    ];
    expect(new Set(texts.map(({ ids }) => ids.join()))).toHaveLength(10);
    disposeModel(model);
  });
});

it("an adapter takes part, without its dropout", async () => {
  const model = await formulaModel(tinyLlama);
  const adapted = formulaLora(model, { rank: 2, alpha: 4, dropout: 0.5 });
  const options = { maxNewTokens: 8 };
  const [plain, once, twice] = [
    await generateAll(model, prompts, options),
    await generateAll(adapted, prompts, options),
    await generateAll(adapted, prompts, options),
  ];
  expect(once).toEqual(twice);
  expect(once).not.toEqual(plain);
  disposeModel(adapted);
});

it("what prompts begin with alike changes no text", async () => {
  const model = await formulaModel({ ...tinyLlama, max_position_embeddings: 128 });
  const system = formulaIds("system", 24, 61);
  const begun = prompts.map((prompt) => [...system, ...prompt]);
  const together = await generateAll(model, begun, { ...sampled, candidates: 2 });
  expect(await generateAll(model, begun, { ...sampled, candidates: 2, batchSize: 1 })).toEqual(together);
  disposeModel(model);
});

it("batches that shrink again and again give the greedy texts of single rows, with the same log-probabilities", async () => {
  const model = await formulaModel({ ...tinyLlama, max_position_embeddings: 128 });
  const many = Array.from({ length: 9 }, (_, i) => formulaIds(`many ${i}`, 2 + i, 61));
  const eosIds = [3, 7, 11, 19, 23, 31];
  const together = await generateAll(model, many, { maxNewTokens: 40, eosIds, logProbs: true });
  expect(new Set(together.map(({ ids }) => ids.length)).size).toBeGreaterThan(3);
  for (const [i, prompt] of many.entries()) {
    const [alone] = await generateAll(model, [prompt], { maxNewTokens: 40, eosIds, logProbs: true });
    expect(together[i]!.ids).toEqual(alone!.ids);
    expect(Math.abs(together[i]!.logProb! - alone!.logProb!)).toBeLessThan(1e-4);
  }
  disposeModel(model);
});

describe("a prompt that is too long", () => {
  it("is cut from the left to leave room, and says by how much", async () => {
    const model = await formulaModel(tinyGpt2);
    const long = formulaIds("long", 50, 61);
    const options = { maxNewTokens: 10 };
    const [cut, kept] = [
      await generateAll(model, [long, prompts[0]!], options),
      await generateAll(model, [long], { ...options, keepStart: 2 }),
    ];
    expect(cut.map(({ truncated }) => truncated)).toEqual([28, 0]);
    expect(cut[0]!.ids).toEqual((await generateAll(model, [long.slice(-22)], options))[0]!.ids);
    expect(kept[0]!.truncated).toBe(28);
    expect(kept[0]!.ids).toEqual((await generateAll(model, [[...long.slice(0, 2), ...long.slice(-20)]], options))[0]!.ids);
    disposeModel(model);
  });

  it("keeps a BOS by itself", async () => {
    const tokenizer = tinyTokenizer("pieces");
    const model = { ...(await formulaModel({ ...tinyLlama, vocab_size: 400 })), tokenizer };
    const long = [1, ...formulaIds("long", 80, 300)];
    const [whole] = await generateAll(model, [long], { maxNewTokens: 4 });
    expect(whole!.ids).toEqual((await generateAll(model, [[1, ...long.slice(-59)]], { maxNewTokens: 4 }))[0]!.ids);
    disposeModel(model);
  });
});

describe("the end of a text", () => {
  const tokenizer = tinyTokenizer("bytes");
  const say = async (text: string, options: GenerateOptions) => {
    const script = [...tokenizer.encode(text), tokenizer.eosId!];
    const model = await scriptedModel(tokenizer, script, 2);
    const pieces: string[] = [];
    for await (const event of generate(model, [[40, 40]], { maxNewTokens: 40, ...options })) {
      if (event.kind === "token") pieces.push(event.text);
      else {
        disposeModel(model);
        expect(pieces.join("")).toBe(event.generation.text);
        return { pieces, script, ...event.generation };
      }
    }
    throw new Error("no end");
  };

  it("is EOS by default, which stays among the ids and out of the text", async () => {
    const { text, stop, ids, script } = await say(" I hear you 😂.", {});
    expect({ text, stop, ids }).toEqual({ text: " I hear you 😂.", stop: "eos", ids: script });
  });

  it("leaves the space before the first word, with a tokenizer that drops it from the first of a text", async () => {
    const pieces = tinyTokenizer("pieces");
    const script = pieces.encode("the red", { addSpecial: false });
    const model = await scriptedModel(pieces, [...script, pieces.eosId!], 2);
    expect(pieces.decode(script)).toBe("the red");
    expect((await generateAll(model, [pieces.encode("I", { addSpecial: true })], { maxNewTokens: 9 }))[0]!.text).toBe(" the red");
    disposeModel(model);
  });

  it("may be a stop text that spans tokens", async () => {
    const { text, stop, pieces } = await say(" Fine.\nUser: and you?", { stopTexts: ["\nUser:", "\nSystem:"] });
    expect({ text, stop }).toEqual({ text: " Fine.", stop: "stop" });
    expect(pieces.length).toBeGreaterThan(5);
  });

  it("may be another id, or the number of tokens, and then gives what was held back", async () => {
    const dot = tokenizer.encode(".", { addSpecial: false })[0]!;
    expect(await say("Yes. No.", { stopIds: [dot] })).toMatchObject({ text: "Yes", stop: "stop" });
    const length = tokenizer.encode("Yes.\n").length;
    expect(await say("Yes.\nUse it", { maxNewTokens: length, stopTexts: ["\nUser:"] })).toMatchObject({ text: "Yes.\n", stop: "length" });
    expect(await say("Yes.", { eosIds: [], maxNewTokens: 3 })).toMatchObject({ stop: "length" });
  });
});

describe("memory", () => {
  it("is freed at the end, on break, on a throw and on abort", async () => {
    const model = await formulaModel(tinyLlama);
    const options = { maxNewTokens: 6, batchSize: 2, candidates: 2 };
    expect(await leaked(() => generateAll(model, prompts, options))).toBe(0);
    expect(
      await leaked(async () => {
        for await (const event of generate(model, prompts, options)) if (event.kind === "done") break;
      }),
    ).toBe(0);
    expect(
      await leaked(async () => {
        const fail = () => {
          throw new Error("in the listener");
        };
        await expect(generateAll(model, prompts, { ...options, onProgress: fail })).rejects.toThrow("in the listener");
      }),
    ).toBe(0);
    expect(
      await leaked(async () => {
        const controller = new AbortController();
        const seen: number[] = [];
        const onProgress = ({ tokens }: { tokens: number }) => {
          seen.push(tokens);
          if (tokens > 5) controller.abort(new Error("enough"));
        };
        await expect(generateAll(model, prompts, { ...options, onProgress, signal: controller.signal })).rejects.toThrow("enough");
        expect(seen).toEqual([2, 4, 6]);
        await expect(generateAll(model, prompts, { ...options, signal: controller.signal })).rejects.toThrow("enough");
      }),
    ).toBe(0);
    disposeModel(model);
  });
});

it("progress counts texts and tokens to the end", async () => {
  const model = await formulaModel(tinyGpt2);
  const seen: string[] = [];
  const onProgress = ({ finished, total, tokens }: { finished: number; total: number; tokens: number }) =>
    seen.push(`${finished}/${total} ${tokens}`);
  await generateAll(model, prompts.slice(0, 3), { maxNewTokens: 2, batchSize: 2, onProgress });
  expect(seen).toEqual(["0/3 2", "2/3 4", "2/3 5", "3/3 6"]);
  expect(await generateAll(model, [], { maxNewTokens: 2 })).toEqual([]);
  disposeModel(model);
});

it("options out of range are refused before anything is computed", async () => {
  const model = await formulaModel(tinyGpt2);
  const refused = async (options: GenerateOptions, message: string) =>
    expect(generateAll(model, prompts, { maxNewTokens: 2, ...options })).rejects.toThrow(message);
  await refused({ temperature: -1 }, "temperature: expected a number, at least 0, got -1");
  await refused({ topK: 0 }, "topK: expected a whole number, at least 1, got 0");
  await refused({ topP: 0 }, "topP: expected a number from");
  await refused({ repetitionPenalty: 0 }, "repetitionPenalty: expected a number");
  await refused({ maxNewTokens: 32 }, "maxNewTokens: expected a whole number from 1 to 31, got 32");
  await refused({ candidates: 0 }, "candidates: expected");
  await refused({ batchSize: 0 }, "batchSize: expected");
  await refused({ seeds: [1] }, "seeds: expected 5 numbers, one for each prompt, got 1");
  await refused({ stopTexts: ["x"] }, "stopTexts: expected a model with a tokenizer, got none. Use stopIds");
  await expect(generateAll(model, [[1], []], { maxNewTokens: 2 })).rejects.toThrow(
    "prompts[1]: expected at least 1 token, got 0. Begin with BOS",
  );
  await expect(generateAll(model, [[1, 61]], { maxNewTokens: 2 })).rejects.toThrow("prompts[0]: expected token ids from 0 to 60, got 61");
  disposeModel(model);
});

type Golden = {
  greedy_ids: number[];
  greedy_text: string;
  prompts: { text: string; ids: number[]; greedy_40_ids: number[]; greedy_40_text: string }[];
};

it.skipIf(!shared)("stories260K tells its golden stories, alone and in a batch", async () => {
  const folder = join(shared!, "weights", "stories260K");
  const golden = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Golden;
  const model = await loadModel(join(folder, "hf"));
  const [alone] = await generateAll(model, [[1]], { maxNewTokens: 200 });
  expect([1, ...alone!.ids]).toEqual(golden.greedy_ids);
  expect(alone!.text).toBe(golden.greedy_text);
  const batch = await generateAll(
    model,
    golden.prompts.map(({ ids }) => ids),
    { maxNewTokens: 40 },
  );
  expect(batch).toHaveLength(3);
  for (const [i, { text, greedy_40_ids, greedy_40_text }] of golden.prompts.entries()) {
    expect(batch[i]!.ids).toEqual(greedy_40_ids);
    expect(text + batch[i]!.text).toBe(greedy_40_text);
  }
  disposeModel(model);
});
