import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { gunzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import { makeTokenizer } from "../../src/text/tokenizer.js";
import { shared } from "../shared.js";
import { reference, tinyTokenizer } from "./tiny.js";

const character = fc.integer({ min: 0, max: 0x10ffff - 0x800 }).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));
const NAMES = ["bytes", "pieces"] as const;

describe.each(NAMES)("the tiny tokenizer of %s", (name) => {
  const tokenizer = tinyTokenizer(name);
  const { json, config, encodings, decodings } = reference.tokenizers[name];

  it("encodes and decodes 24 texts as the Rust library does", () => {
    expect(encodings).toHaveLength(24);
    for (const { text, ids, plain, decoded, whole } of encodings) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecial: false }), text).toEqual(plain);
      expect(tokenizer.decode(ids), text).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecial: false }), text).toBe(whole);
    }
  });

  it("decodes 120 lists of arbitrary ids as the Rust library does", () => {
    expect(decodings).toHaveLength(120);
    for (const { ids, decoded, whole } of decodings) {
      expect(tokenizer.decode(ids)).toBe(decoded);
      expect(tokenizer.decode(Int32Array.from(ids), { skipSpecial: false })).toBe(whole);
    }
  });

  it("knows its tokens", () => {
    for (let id = 0; id < tokenizer.vocabSize; id++) expect(tokenizer.idOf(tokenizer.tokenOf(id)!)).toBe(id);
    expect(tokenizer.tokenOf(tokenizer.vocabSize)).toBeUndefined();
    expect(tokenizer.idOf("no such token")).toBeUndefined();
    const { vocabSize, bosId, eosId, padId, addsBos, chatTemplate, specialIds } = tokenizer;
    expect({ vocabSize, bosId, eosId, padId, addsBos, chatTemplate, special: [...specialIds] }).toEqual(
      name === "bytes"
        ? { vocabSize: 320, bosId: 316, eosId: 316, padId: 316, addsBos: false, chatTemplate: null, special: [316, 317, 318] }
        : { vocabSize: 369, bosId: 1, eosId: 2, padId: 2, addsBos: true, chatTemplate: null, special: [0, 1, 2] },
    );
  });

  it("decodes what it encoded", () => {
    fc.assert(
      fc.property(fc.array(character, { maxLength: 40 }), (characters) => {
        const s = characters.join("");
        const normalised = name === "bytes" ? s.normalize("NFC") : s.replaceAll("▁", " ");
        expect(tokenizer.decode(tokenizer.encode(s, { addSpecial: false }), { skipSpecial: false })).toBe(normalised);
      }),
    );
  });

  it("goes on after other text as if both were one", () => {
    const words = fc.array(fc.constantFrom("I", "was", "tired", "ünder", "😂", "it's", "new,", "7"), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(words, words, fc.constantFrom(" ", "\n", name === "bytes" ? "<|im_end|>" : "</s>"), (left, right, seam) => {
        // Tokens span no line break or special token here; a space belongs to the word after it.
        const [a, b] = seam === "\n" || seam === " " ? [left.join(" "), seam + right.join(" ")] : [left.join(" ") + seam, right.join(" ")];
        const first = tokenizer.encode(a);
        expect([...first, ...tokenizer.encode(b, { after: first.at(-1) })]).toEqual(tokenizer.encode(a + b));
      }),
    );
  });

  it("has a hash that depends on what changes ids only", () => {
    const hashOf = (changes: object) => makeTokenizer({ ...json, ...changes }, config).hash;
    expect(tokenizer.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf({ truncation: { max_length: 3 } })).toBe(tokenizer.hash);
    expect(makeTokenizer(Object.fromEntries(Object.entries(json).reverse()), config).hash).toBe(tokenizer.hash);
    expect(hashOf({ normalizer: { type: "Lowercase" } })).not.toBe(tokenizer.hash);
    const model = json.model as { vocab: Record<string, number>; merges: unknown[] };
    expect(hashOf({ model: { ...model, merges: model.merges.slice(1) } })).not.toBe(tokenizer.hash);
  });
});

it("ignores a truncation that was saved with the tokenizer", () => {
  expect(reference.tokenizers.bytes.json.truncation).toMatchObject({ max_length: 5 });
  expect(tinyTokenizer("bytes").encode("I was nervous about the talk").length).toBeGreaterThan(5);
});

it("puts a space in front of the first section only where Metaspace says so, and none where text goes on", () => {
  const { json, config } = reference.tokenizers.pieces;
  const first = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false };
  const tokenizer = makeTokenizer({ ...json, normalizer: null, pre_tokenizer: first }, config);
  const tokens = (ids: number[]) => ids.map(tokenizer.tokenOf).join("|");
  expect(tokens(tokenizer.encode("it</s>it"))).toMatch(/^<s>\|▁\|?i\|?t\|<\/s>\|i\|?t$/);
  expect(tokens(tokenizer.encode("it", { after: 5 }))).toMatch(/^i\|?t$/);
  expect(tokens(tokenizer.encode("it", { after: tokenizer.eosId! }))).toMatch(/^i\|?t$/);
});

it("takes special tokens from the configuration where tokenizer.json does not list them", () => {
  const { json } = reference.tokenizers.pieces;
  const added = { "369": { content: "<pad>", special: true }, "370": { content: "<note>", special: false } };
  const config = { bos_token: "<s>", eos_token: "</s>", pad_token: { content: "<pad>" }, added_tokens_decoder: added };
  const tokenizer = makeTokenizer({ ...json, added_tokens: [] }, config);
  expect(tokenizer).toMatchObject({ vocabSize: 371, bosId: 1, eosId: 2, padId: 369 });
  expect([...tokenizer.specialIds].sort((a, b) => a - b)).toEqual([1, 2, 369]);
  expect(tokenizer.encode("<pad><note></s>", { addSpecial: false })).toEqual([369, 370, 2]);
  expect(tokenizer.decode([369, 370, 2])).toBe("<note>");
});

it("takes one chat template, or the default one of several", () => {
  const { json } = reference.tokenizers.bytes;
  const several = [
    { name: "tool_use", template: "a" },
    { name: "default", template: "b" },
  ];
  expect(makeTokenizer(json, { chat_template: "x" }).chatTemplate).toBe("x");
  expect(makeTokenizer(json, { chat_template: several }).chatTemplate).toBe("b");
  expect(makeTokenizer(json)).toMatchObject({ chatTemplate: null, bosId: null, eosId: null, padId: 0, addsBos: false });
});

it.each([
  ["nothing", null],
  ["a list", []],
  ["no model", {}],
  ["no vocabulary", { model: { type: "BPE" } }],
  ["an added token without id", { model: { vocab: {}, merges: [] }, added_tokens: [{ content: "x" }] }],
  ["an added token without text", { model: { vocab: {}, merges: [] }, added_tokens: [{ id: 1, content: "" }] }],
  ["a normalizer without type", { model: { vocab: {}, merges: [] }, normalizer: {} }],
  ["an unknown model", { model: { type: "Sorcery", vocab: {} } }],
  ["an unknown normalizer", { model: { type: "BPE", vocab: {}, merges: [] }, normalizer: { type: "Sorcery" } }],
  ["a model without merges", { model: { type: "BPE", vocab: {} } }],
])("refuses %s", (_what, json) => {
  expect(() => makeTokenizer(json)).toThrow(FormatError);
});

describe("the tokenizers of real models", () => {
  const folder = join(shared ?? "", "data", "tokenizers");
  const read = (path: string): unknown => {
    const bytes = readFileSync(join(folder, path));
    return JSON.parse(new TextDecoder().decode(path.endsWith(".gz") ? gunzipSync(bytes) : bytes));
  };
  const golden = (name: string) =>
    readFileSync(join(folder, name, "golden.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { text: string; ids: number[]; ids_no_special: number[]; decoded: string });

  it.skipIf(!shared).each([
    ["gpt2", "tokenizer.json", { vocabSize: 50257, bosId: 50256, eosId: 50256, padId: 50256, addsBos: false }],
    ["qwen2.5", "tokenizer.assembled.json.gz", { vocabSize: 151666, bosId: null, padId: 151665, addsBos: false }],
    ["tinyllama", "tokenizer.json", { vocabSize: 32000, bosId: 1, eosId: 2, padId: 0, addsBos: true }],
  ])("%s encodes and decodes all 194 golden texts", (name, file, facts) => {
    const tokenizer = makeTokenizer(read(`${name}/${file}`), read(`${name}/tokenizer_config.json`));
    const rows = golden(name);
    expect(rows).toHaveLength(194);
    expect(rows.some(({ ids }) => ids.length > 50)).toBe(true); // longer than the truncation that GPT-2's file holds
    for (const { text, ids, ids_no_special, decoded } of rows) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecial: false }), text).toEqual(ids_no_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
    expect(tokenizer).toMatchObject(facts);
  });

  it.skipIf(!shared)("stories260K encodes its three prompts and decodes its greedy text", () => {
    const weights = join(shared!, "weights", "stories260K");
    const json = (path: string) => JSON.parse(readFileSync(join(weights, path), "utf8"));
    const tokenizer = makeTokenizer(json("hf/tokenizer.json"), json("hf/tokenizer_config.json"));
    const expected = json("golden.json");
    expect(tokenizer.decode(expected.greedy_ids)).toBe(expected.greedy_text);
    expect(expected.prompts).toHaveLength(3);
    for (const { text, ids } of expected.prompts) expect(tokenizer.encode(text)).toEqual(ids);
  });
});
