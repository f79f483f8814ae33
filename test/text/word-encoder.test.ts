import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeTokenizer, type Tokenizer } from "../../src/text/tokenizer.js";
import { shared } from "../shared.js";
import { reference, tinyTokenizer } from "./tiny.js";

type Library = { encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] } };
const { Tokenizer: Library } = createRequire(import.meta.url)("@huggingface/tokenizers") as {
  Tokenizer: new (json: object, config: object) => Library;
};

const piece = fc.oneof(
  fc.constantFrom("I", "was", " so", "  ", "\n", "▁", "ünder", "é", "e\u0301", "😂", "it's", "!!", "1234", "</s>", "<|im_end|>", "ﷺ"),
  fc.string({ maxLength: 6 }),
);

/** Ids with and without special tokens of random texts, ours and the library's by itself. */
function compare(tokenizer: Tokenizer, library: Library): void {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("").replace(/[\ufeff\u0085\ud800-\udfff](?![\udc00-\udfff])/g, ""); // what is mended, see token-codec.ts
      for (const special of [true, false])
        expect(tokenizer.encode(text, { addSpecial: special }), text).toEqual(library.encode(text, { add_special_tokens: special }).ids);
    }),
    { numRuns: 400 },
  );
}

describe.each(["bytes", "pieces"] as const)("the tiny tokenizer of %s", (name) => {
  it("encodes any text word by word as the library encodes it whole", () => {
    compare(tinyTokenizer(name), new Library(reference.tokenizers[name].json, {}));
  });

  it("gives the same ids when a word comes again", () => {
    const tokenizer = tinyTokenizer(name);
    const once = tokenizer.encode("tired and tired");
    once.push(7); // the list is the caller's
    expect(tokenizer.encode("tired and tired")).toEqual(once.slice(0, -1));
  });
});

it("leaves a SentencePiece tokenizer with a space inside a token to the library", () => {
  const { json, config } = reference.tokenizers.pieces;
  const { vocab, merges, ...model } = json.model as { vocab: Record<string, number>; merges: [string, string][] };
  const across = { ...json, model: { ...model, vocab: { ...vocab, "t▁": 400 }, merges: [["t", "▁"], ...merges] } };
  const tokenizer = makeTokenizer(across, config);
  compare(tokenizer, new Library(across, {}));
  expect(tokenizer.encode("it is", { addSpecial: false })).toContain(400);
});

it.skipIf(!shared)("encodes as the library does with GPT-2's tokenizer", () => {
  const json = JSON.parse(readFileSync(join(shared!, "data", "tokenizers", "gpt2", "tokenizer.json"), "utf8")) as object;
  compare(makeTokenizer(json), new Library({ ...json, truncation: null }, {}));
});
