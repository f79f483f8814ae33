import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { streamDecoder } from "../../src/text/stream-decoder.js";
import type { Tokenizer } from "../../src/text/tokenizer.js";
import { reference, tinyTokenizer } from "./tiny.js";

const pieces = (tokenizer: Tokenizer, ids: number[]): string[] => {
  const decoder = streamDecoder(tokenizer);
  return [...ids.map((id) => decoder.push(id)), decoder.end()];
};

describe.each(["bytes", "pieces"] as const)("with the tiny tokenizer of %s", (name) => {
  const tokenizer = tinyTokenizer(name);

  it("gives out, in all, what decoding at once gives", () => {
    for (const { ids, decoded } of reference.tokenizers[name].encodings) expect(pieces(tokenizer, ids).join("")).toBe(decoded);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), (text) => {
        const ids = tokenizer.encode(text);
        expect(pieces(tokenizer, ids).join("")).toBe(tokenizer.decode(ids));
      }),
    );
  });

  it("never gives out half a character", () => {
    const text = "ok 😂👩‍👩‍👧 中文 é";
    const given = pieces(tokenizer, tokenizer.encode(text));
    expect(given.join("")).toBe(text);
    expect(given.some((piece) => piece.includes("\ufffd"))).toBe(false);
    expect(given.filter((piece) => piece === "").length).toBeGreaterThan(5);
  });

  it("gives the bytes that never became a character at the end", () => {
    const [first, second] = tokenizer.encode("😂", { addSpecial: false }).slice(-4) as [number, number];
    const decoder = streamDecoder(tokenizer);
    expect([decoder.push(first), decoder.push(second)]).toEqual(["", ""]);
    expect(decoder.end()).toBe(tokenizer.decode([first, second]));
    expect(decoder.end()).toBe("");
  });
});

it("gives out arbitrary byte-level ids as decoding at once does", () => {
  const tokenizer = tinyTokenizer("bytes");
  for (const { ids, decoded } of reference.tokenizers.bytes.decodings) expect(pieces(tokenizer, ids).join("")).toBe(decoded);
});

it("keeps special tokens where asked to", () => {
  const decoder = streamDecoder(tinyTokenizer("bytes"), { skipSpecial: false });
  expect(decoder.push(318)).toBe("<|im_end|>");
});
