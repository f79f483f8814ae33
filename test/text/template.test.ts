import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import type { Message } from "../../src/text/messages.js";
import { type ChatTemplate, chooseTemplate, jinjaTemplate, plainTemplate, tagsTemplate } from "../../src/text/template.js";
import { makeTokenizer } from "../../src/text/tokenizer.js";
import { shared } from "../shared.js";
import { reference, tinyTokenizer } from "./tiny.js";

const { conversations, templates, hashed, tokens } = reference;
const now = new Date(...reference.now);
const tokenizer = tinyTokenizer("pieces");
/** What our template gives, `null` where it refuses. */
const rendered = (template: ChatTemplate, name: string, addGenerationPrompt: boolean): string | null => {
  try {
    return template.render(conversations[name]!, { addGenerationPrompt });
  } catch {
    return null;
  }
};

describe("the plain template", () => {
  it("writes a turn a line", () => {
    const messages = conversations["opened by system"]!;
    expect(plainTemplate.render(messages)).toBe(
      "System: Be kind.\nUser: Hi\nthere\nAssistant: Hello you.\nUser: I'm sad 😢\nAssistant: I'm sorry.\nWhat happened?\n",
    );
    expect(plainTemplate.render(messages.slice(0, 2), { addGenerationPrompt: true })).toBe("System: Be kind.\nUser: Hi\nthere\nAssistant:");
  });

  it("ends generation where another turn would begin", () => {
    expect(plainTemplate.stops).toEqual(["\nSystem:", "\nUser:", "\nAssistant:"]);
  });
});

it("the tags template writes a tag above each turn", () => {
  const messages = conversations.answered!;
  expect(tagsTemplate.render(messages)).toBe("<user>\nI lost my keys again.\n<assistant>\nOh no, how annoying!\n");
  expect(tagsTemplate.render(messages.slice(0, 1), { addGenerationPrompt: true })).toBe("<user>\nI lost my keys again.\n<assistant>\n");
  expect(tagsTemplate.stops).toEqual(["\n<system>", "\n<user>", "\n<assistant>"]);
});

describe("a model's own template", () => {
  it.each(Object.entries(templates))("%s renders 12 conversations as transformers does", (_name, { source, renderings }) => {
    const template = jinjaTemplate(source, tokenizer, { now, variables: tokens });
    expect(renderings).toHaveLength(12);
    for (const { conversation, prompt, text } of renderings) expect(rendered(template, conversation, prompt), conversation).toBe(text);
  });

  it.skipIf(!shared).each(Object.entries(hashed))(
    "%s of the workshop renders 12 conversations as transformers does",
    (file, renderings) => {
      const path = join(shared!, "data", "tokenizers", "chat_templates", file);
      expect(existsSync(path)).toBe(true);
      const template = jinjaTemplate(readFileSync(path, "utf8"), tokenizer, { now, variables: tokens });
      expect(renderings).toHaveLength(12);
      for (const { conversation, prompt, sha256 } of renderings) {
        const text = rendered(template, conversation, prompt);
        const hash = text === null ? null : createHash("sha256").update(text).digest("hex");
        expect(hash, `${conversation}: ${text}`).toBe(sha256);
      }
    },
  );

  it("tells what stands before a reply, what closes it and what ends generation", () => {
    const ends = (name: keyof typeof templates) => {
      const { lead, endOfTurn, stops } = jinjaTemplate(templates[name].source, tinyTokenizer(name === "strict" ? "pieces" : "bytes"));
      return { lead, endOfTurn, stops };
    };
    expect(ends("marked")).toEqual({ lead: "", endOfTurn: "<|im_end|>", stops: ["<|im_end|>", "<|endoftext|>"] });
    expect(ends("thinking")).toEqual({ lead: "\n</think>\n\n", endOfTurn: "<|im_end|>", stops: ["<|im_end|>", "<|endoftext|>"] });
    expect(ends("strict")).toEqual({ lead: " ", endOfTurn: "</s>", stops: ["</s>"] });
    expect(ends("bare")).toEqual({ lead: " ", endOfTurn: "\n", stops: ["<|endoftext|>"] });
  });

  it("gives the reason where it refuses messages", () => {
    const template = jinjaTemplate(templates.strict.source, tokenizer);
    expect(() => template.render(conversations["odd order"]!)).toThrow("roles must alternate");
  });

  it("loses one line break at its end and none at its beginning, as in jinja2", () => {
    const source = "\n  {% for m in messages %}\n{{ m.content }}\n{% endfor %}\n\n\n";
    expect(jinjaTemplate(source, tokenizer).render(conversations.question!)).toBe("\nI lost my keys again.\n\n");
  });

  it("tells one time, in English", () => {
    const source = "{{ strftime_now('%d %b %y %a %I:%M:%S %p %% %q') }}{% for m in messages %}{{ m.content }}{% endfor %}";
    const at = new Date(2031, 10, 9, 0, 5, 8);
    expect(jinjaTemplate(source, tokenizer, { now: at }).render([])).toBe("09 Nov 31 Sun 12:05:08 AM % %q");
    const early = jinjaTemplate(source, tokenizer);
    expect(early.render([])).toBe(early.render([]));
  });

  it("is refused where it is no template for conversations", () => {
    expect(() => jinjaTemplate("{% for %}", tokenizer)).toThrow(FormatError);
    expect(() => jinjaTemplate("{{ raise_exception('never') }}", tokenizer)).toThrow(/never/);
    expect(() => jinjaTemplate("nothing of the messages", tokenizer)).toThrow(/does not show the answer/);
  });
});

it("the template is the one asked for, else the model's own, else the plain one", () => {
  const { json, config } = reference.tokenizers.pieces;
  const own = makeTokenizer(json, { ...config, chat_template: templates.marked.source });
  const messages: Message[] = conversations.question!;
  expect(chooseTemplate(tokenizer)).toBe(plainTemplate);
  expect(chooseTemplate(own).render(messages)).toMatch(/^<s><\|im_start\|>user\n/);
  expect(chooseTemplate(own, "tags")).toBe(tagsTemplate);
  expect(chooseTemplate(own, "plain")).toBe(plainTemplate);
  expect(() => chooseTemplate(tokenizer, "model")).toThrow(RangeError);
  expect(() => chooseTemplate(tokenizer, "fancy" as "plain")).toThrow('expected "plain", "tags" or "model", got "fancy"');
});
