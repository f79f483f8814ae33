import { describe, expect, it } from "vitest";
import { replies, reply, streamReply } from "../../src/generate/reply.js";
import { disposeModel } from "../../src/models/create.js";
import { encodePrompt } from "../../src/text/mask.js";
import type { Message } from "../../src/text/messages.js";
import { chooseTemplate, plainTemplate } from "../../src/text/template.js";
import type { Tokenizer } from "../../src/text/tokenizer.js";
import { formulaModel, tinyLlama } from "../formula.js";
import { reference, tinyTokenizer } from "../text/tiny.js";
import { scriptedModel } from "./scripted.js";

const messages: Message[] = [
  { role: "user", content: "I am" },
  { role: "user", content: "tired." },
];
const merged: Message[] = [{ role: "user", content: "I am tired." }];

async function speaking(tokenizer: Tokenizer, text: string, promptLength: number) {
  return scriptedModel(tokenizer, tokenizer.encode(text, { addSpecial: false }), promptLength, 128);
}

describe("reply", () => {
  it("ends where the plain template lets the other one speak, without white space around it", async () => {
    const tokenizer = tinyTokenizer("bytes");
    const promptLength = encodePrompt(tokenizer, plainTemplate, merged).length;
    const model = await speaking(tokenizer, " That sounds hard.\n\nUser: yes", promptLength);
    const answer = await reply(model, messages, { template: plainTemplate, maxNewTokens: 60 });
    expect(answer).toMatchObject({ text: "That sounds hard.", stop: "stop", prompt: 0, candidate: 0 });
    disposeModel(model);
  });

  it("knows the special tokens of a model's own template by their ids", async () => {
    const own = { ...tinyTokenizer("bytes"), chatTemplate: reference.templates.marked.source };
    const template = chooseTemplate(own);
    const promptLength = encodePrompt(own, template, merged).length;
    const model = await speaking(own, "I hear you.<|im_end|>\nmore", promptLength);
    expect(await reply(model, messages, { maxNewTokens: 30 })).toMatchObject({ text: "I hear you." });
    disposeModel(model);
  });

  it("comes in pieces that make up its text", async () => {
    const tokenizer = tinyTokenizer("bytes");
    const promptLength = encodePrompt(tokenizer, plainTemplate, merged).length;
    const model = await speaking(tokenizer, "  I hear you.\n Rest \n\nUser:", promptLength);
    const stream = streamReply(model, messages, { template: plainTemplate, maxNewTokens: 60 });
    const pieces: string[] = [];
    let next = await stream.next();
    for (; !next.done; next = await stream.next()) pieces.push(next.value);
    expect(next.value).toMatchObject({ text: "I hear you.\n Rest", stop: "stop" });
    expect(pieces.join("")).toBe("I hear you.\n Rest");
    expect(pieces.length).toBeGreaterThan(4);
    disposeModel(model);
  });

  it("gives several candidates for several conversations, each as if it were alone", async () => {
    const tokenizer = tinyTokenizer("pieces");
    const model = { ...(await formulaModel({ ...tinyLlama, vocab_size: tokenizer.vocabSize, max_position_embeddings: 256 })), tokenizer };
    const options = { temperature: 1, maxNewTokens: 8, candidates: 2, seeds: [1, 2] };
    const both = await replies(model, [merged, [{ role: "user", content: "We would feel red." }]], options);
    expect(both.map(({ prompt, candidate }) => [prompt, candidate])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    const alone = await replies(model, [messages], { ...options, seeds: [1] });
    expect(alone.map(({ ids }) => ids)).toEqual(both.slice(0, 2).map(({ ids }) => ids));
    disposeModel(model);
  });

  it("needs a tokenizer", async () => {
    const model = await formulaModel(tinyLlama);
    await expect(reply(model, messages)).rejects.toThrow("reply: expected a model with a tokenizer, got none");
    disposeModel(model);
  });
});
