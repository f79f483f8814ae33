import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Encoded, encodeConversation, encodePrompt } from "../../src/text/mask.js";
import type { Message } from "../../src/text/messages.js";
import { type ChatTemplate, jinjaTemplate, plainTemplate, tagsTemplate } from "../../src/text/template.js";
import type { Tokenizer } from "../../src/text/tokenizer.js";
import { shared } from "../shared.js";
import { reference, tinyTokenizer } from "./tiny.js";

const { conversations, templates } = reference;
const bytes = tinyTokenizer("bytes");
const pieces = tinyTokenizer("pieces");
const own = (name: keyof typeof templates, tokenizer: Tokenizer): ChatTemplate =>
  jinjaTemplate(templates[name].source, tokenizer, { name, now: new Date(0) });

/** Runs of targets as text, special tokens written out. */
function targeted(tokenizer: Tokenizer, { ids, targets }: Encoded): string[] {
  const runs: number[][] = [];
  for (const [i, id] of ids.entries()) {
    if (!targets[i]) continue;
    if (i > 0 && targets[i - 1]) runs.at(-1)!.push(id);
    else runs.push([id]);
  }
  return runs.map((run) => tokenizer.decode(run, { skipSpecial: false }));
}

describe("targets", () => {
  const messages = conversations["opened by system"]!;

  it.each([
    ["plain", plainTemplate, bytes, [" Hello you.\n", " I'm sorry.\nWhat happened?\n<|endoftext|>"]],
    ["plain", plainTemplate, pieces, ["Hello you.\n", "I'm sorry.\nWhat happened?\n</s>"]],
    ["tags", tagsTemplate, bytes, ["Hello you.\n", "I'm sorry.\nWhat happened?\n<|endoftext|>"]],
    ["tags", tagsTemplate, pieces, ["Hello you.\n", "I'm sorry.\nWhat happened?\n</s>"]],
    ["marked", own("marked", bytes), bytes, ["Hello you.<|im_end|>", "I'm sorry.\nWhat happened?<|im_end|>"]],
    ["thinking", own("thinking", bytes), bytes, ["Hello you.<|im_end|>", "I'm sorry.\nWhat happened?<|im_end|>"]],
    ["strict", own("strict", pieces), pieces, ["Hello you.</s>", "I'm sorry.\nWhat happened?</s>"]],
    ["bare", own("bare", bytes), bytes, [" Hello you.\n", " I'm sorry.\nWhat happened?\n<|endoftext|>"]],
  ])("of the %s template are the replies and what closes them", (_name, template, tokenizer, replies) => {
    expect(targeted(tokenizer, encodeConversation(tokenizer, template, messages))).toEqual(replies);
    expect(targeted(tokenizer, encodeConversation(tokenizer, template, messages, { targets: "last" }))).toEqual(replies.slice(-1));
  });

  it("are none where the listener says nothing", () => {
    const { ids, targets } = encodeConversation(bytes, plainTemplate, conversations.question!);
    expect(targets).toEqual(ids.map(() => false));
    expect(encodeConversation(bytes, plainTemplate, [])).toEqual({ ids: [], targets: [] });
  });

  it("are followed by EOS only where the listener speaks last", () => {
    const waiting = conversations.waiting!;
    expect(encodeConversation(bytes, plainTemplate, waiting).ids).not.toContain(bytes.eosId);
    expect(targeted(bytes, encodeConversation(bytes, plainTemplate, waiting))).toEqual([" b\n", " d\n"]);
  });

  it("are found where the user says the same words", () => {
    const echo: Message[] = [
      { role: "user", content: "Assistant: yes\nAssistant:" },
      { role: "assistant", content: "Assistant" },
    ];
    expect(targeted(bytes, encodeConversation(bytes, plainTemplate, echo))).toEqual([" Assistant\n<|endoftext|>"]);
  });

  it("are refused where the template changes a reply", () => {
    const thinking: Message[] = [...conversations.question!, { role: "assistant", content: "<think>hm</think>Oh." }];
    expect(() => encodeConversation(bytes, own("thinking", bytes), thinking)).toThrow(/expected it to keep each reply's text/);
    expect(bytes.decode(encodePrompt(bytes, own("thinking", bytes), [...thinking, ...conversations.question!]))).toContain("Oh.");
  });
});

describe("BOS", () => {
  const [messages, marked] = [conversations.answered!, own("marked", pieces)];
  const count = (ids: number[]) => ids.filter((id) => id === pieces.bosId).length;

  it.each([
    ["plain", plainTemplate],
    ["marked", marked],
  ])("comes once with the %s template, first", (_name, template) => {
    for (const addBos of [undefined, true]) {
      const { ids, targets } = encodeConversation(pieces, template, messages, { addBos });
      expect([ids[0], count(ids), targets.length]).toEqual([pieces.bosId, 1, ids.length]);
      expect([encodePrompt(pieces, template, messages, { addBos })[0], targets[0]]).toEqual([pieces.bosId, false]);
    }
    const without = encodeConversation(pieces, template, messages, { addBos: false });
    expect([count(without.ids), without.targets.length]).toEqual([0, without.ids.length]);
  });

  it("is not added by itself where the tokenizer or the model's template has none", () => {
    expect(encodePrompt(bytes, plainTemplate, messages)[0]).not.toBe(bytes.bosId);
    expect(encodePrompt(pieces, own("bare", pieces), messages)).not.toContain(pieces.bosId);
    expect(encodePrompt(bytes, plainTemplate, messages, { addBos: true })[0]).toBe(bytes.bosId);
  });
});

const turn = fc.string({ unit: fc.constantFrom(..."aeiost ,.!?'\n ü😢中7", "Assistant:", "<user>"), minLength: 1, maxLength: 12 });
/** Turns that alternate, of which the listener's is the last. */
const dialogue = fc.array(fc.tuple(turn, turn), { minLength: 1, maxLength: 4 }).map((pairs) =>
  pairs.flatMap(([user, assistant]): Message[] => [
    { role: "user", content: user },
    { role: "assistant", content: assistant },
  ]),
);

describe.each([
  ["plain, bytes", plainTemplate, bytes],
  ["plain, pieces", plainTemplate, pieces],
  ["tags, bytes", tagsTemplate, bytes],
  ["tags, pieces", tagsTemplate, pieces],
  ["marked, bytes", own("marked", bytes), bytes],
  ["marked, pieces", own("marked", pieces), pieces],
  ["thinking, bytes", own("thinking", bytes), bytes],
  ["strict, pieces", own("strict", pieces), pieces],
  ["bare, pieces", own("bare", pieces), pieces],
])("any dialogue (%s)", (name, template, tokenizer) => {
  const closings = [template.endOfTurn, tokenizer.tokenOf(tokenizer.eosId!)!].filter(Boolean);

  it("has exactly its replies as targets", () => {
    fc.assert(
      fc.property(dialogue, (messages) => {
        const encoded = encodeConversation(tokenizer, template, messages);
        const text = targeted(tokenizer, encoded).join("");
        const replies = messages.filter(({ role }) => role === "assistant").map(({ content }) => content.trim().normalize("NFC"));
        let rest = text;
        for (const reply of replies) {
          rest = rest.replace(/^ /, "");
          const shown = reply.replace(/^ /, "");
          expect(rest.startsWith(shown)).toBe(true);
          rest = rest.slice(shown.length);
          for (const closing of closings) if (rest.startsWith(closing)) rest = rest.slice(closing.length);
        }
        expect(rest).toBe("");
      }),
    );
  });

  it("begins with the prompt of the messages before a reply", () => {
    fc.assert(
      fc.property(dialogue, (messages) => {
        const { ids, targets } = encodeConversation(tokenizer, template, messages);
        for (let i = name.startsWith("thinking") ? messages.length - 1 : 1; i < messages.length; i += 2) {
          const prompt = encodePrompt(tokenizer, template, messages.slice(0, i));
          expect(ids.slice(0, prompt.length)).toEqual(prompt);
          const lead = name.startsWith("thinking") ? tokenizer.encode(template.lead, { after: prompt.at(-1) }).length : 0;
          expect(targets[prompt.length - 1]).toBe(false);
          expect(targets[prompt.length + lead]).toBe(true);
        }
      }),
    );
  });

  it("is the rendered text, but for the seams", () => {
    fc.assert(
      fc.property(dialogue, (messages) => {
        const { ids } = encodeConversation(tokenizer, template, messages);
        const eos = tokenizer.idOf(template.endOfTurn.trim()) === undefined ? tokenizer.tokenOf(tokenizer.eosId!)! : "";
        const bos = tokenizer.addsBos && !template.addsBos ? tokenizer.tokenOf(tokenizer.bosId!)! : "";
        const rendered = template.render(messages.map(({ role, content }) => ({ role, content: content.trim() })));
        const whole = tokenizer.encode(bos + rendered + eos, { addSpecial: false });
        expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(tokenizer.decode(whole, { skipSpecial: false }));
      }),
    );
  });
});

it.skipIf(!shared)("real dialogues encode as the whole rendered text does", () => {
  const folder = join(shared!, "data", "esconv");
  const lines = readFileSync(join(folder, "valid.jsonl"), "utf8").trim().split("\n");
  expect(lines).toHaveLength(174);
  for (const [tokenizer, template] of [
    [bytes, plainTemplate],
    [bytes, own("marked", bytes)],
    [pieces, plainTemplate],
    [pieces, tagsTemplate],
  ] as const) {
    for (const line of lines.slice(0, 40)) {
      const { dialog } = JSON.parse(line) as { dialog: { speaker: "sys" | "usr"; text: string }[] };
      const messages = dialog.map(({ speaker, text }): Message => ({ role: speaker === "sys" ? "assistant" : "user", content: text }));
      const { ids } = encodeConversation(tokenizer, template, messages);
      const whole = tokenizer.encode(template.render(messages), { addSpecial: !template.addsBos });
      expect(ids.slice(0, whole.length)).toEqual(whole);
      expect(ids.length - whole.length).toBeLessThanOrEqual(1); // EOS
    }
  }
});
