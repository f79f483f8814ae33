import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { completeness } from "../../src/kernel/language/completeness.js";
import { createLanguage } from "../../src/kernel/language.js";
import type { LanguageReply } from "../../src/kernel/messages.js";

const folder = mkdtempSync(join(process.cwd(), ".eqlab-test-language-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "helper.ts"), "export const help = 1;\n");

const language = createLanguage({ folder, preload: [{ name: "fast", specifier: "fast-check" }], strict: false });
beforeAll(() => {
  language.check({
    cell: 1,
    code: "/** Says a thing.\n * @param thing what to say\n * @example say('a')\n */\nfunction say(thing: string, loud = false): string { return thing }\nlet warmth = 0.7; interface Shape { area: number }\n/** A point. */ const point = { alpha: 1, beta: 'b' };",
  });
  language.settle({ cell: 1, runs: true });
});

/** Completion at `|`. */
const at = (text: string) => {
  const offset = text.indexOf("|");
  const { matches, start, end } = language.complete({ code: text.replace("|", ""), offset });
  return { names: matches.map((match) => match.text), start, end };
};
const ask = (text: string, detail = 0): string => {
  const found = language.inspect({ code: text.replace("|", ""), offset: text.indexOf("|"), detail });
  return found.found ? String(found.data["text/plain"]) : "";
};

describe("completion", () => {
  it("knows members by their types, and replaces the whole name", () => {
    expect(at("point.al|pha + 1")).toEqual({ names: ["alpha"], start: 6, end: 11 });
    expect(at("'x'.toUpp|").names).toEqual(["toUpperCase"]);
    expect(at("point.|").names).toEqual(["alpha", "beta"]);
    expect(at("const größe = 'x';\ngröße.le|")).toEqual({ names: ["length"], start: 25, end: 27 });
    expect(at("'😀'.le|")).toMatchObject({ start: 5, end: 7 });
    expect(at("point?.be|").names).toEqual(["beta"]);
  });
  it("knows names of earlier cells, globals, preloads and types", () => {
    expect(at("warm|")).toEqual({ names: ["warmth"], start: 0, end: 4 });
    expect(at("disp|").names[0]).toBe("display");
    expect(at("fas|").names).toContain("fast");
    expect(at("fast.integ|").names).toEqual(["integer"]);
    expect(at("let s: Shap|").names).toEqual(["Shape"]);
    expect(at("const warmest = 1; warme|").names).toEqual(["warmest"]);
    expect(at("MATH|").names).toEqual(["Math", "MathMLElement"]);
    expect(at("cons|").names.slice(0, 2)).toEqual(["console", "const"].sort());
  });
  it("hides the kernel's own names", () => {
    expect(at("__ker|").names).toEqual([]);
    expect(at("|").names.filter((name) => name.startsWith("__kernel"))).toEqual([]);
  });
  it("knows what an import may name", () => {
    expect(at("import { hel| } from './helper.ts'").names).toEqual(["help"]);
    expect(at("import x from './hel|'").names).toEqual(["helper.ts"]);
    expect(at("import x from 'node:fs/pro|'").names).toEqual(["promises"]);
    expect(at("import x from 'fast-ch|'").names).toEqual(["fast-check"]);
    expect(at("await import('node:worker_th|')").names).toEqual(["node:worker_threads"]);
  });
  it("knows literals and keys", () => {
    const code = "const m: 'abc' | 'abd' = 'ab'";
    const found = language.complete({ code, offset: code.length - 1 });
    expect(found).toMatchObject({ matches: [{ text: "abc" }, { text: "abd" }], start: code.length - 3, end: code.length - 1 });
    expect(at("const o: typeof point = { al|").names).toEqual(["alpha"]);
  });
  it("works in text that is not finished, and at its edges", () => {
    expect(at("if (warmth > 1) { say(`a ${war|").names).toEqual(["warmth"]);
    expect(language.complete({ code: "", offset: 5 })).toMatchObject({ start: 0, end: 0 });
  });
});

describe("inspection", () => {
  it("shows signature, documentation and tags of an earlier cell's function", () => {
    expect(ask("sa|y('a')")).toBe(
      "function say(thing: string, loud?: boolean): string\n\nSays a thing.\n\n@param thing what to say\n@example say('a')",
    );
    expect(ask("say|")).toContain("function say");
    expect(ask("say('a', |)")).toContain("function say");
  });
  it("shows variables, members, globals and types", () => {
    expect(ask("warm|th")).toBe("let warmth: number");
    expect(ask("poi|nt")).toContain("A point.");
    expect(ask("point.al|pha")).toBe("(property) alpha: number");
    expect(ask("disp|lay(1)")).toMatch(/^display: Display\n\nShows a value/);
    expect(ask("let s: Sha|pe")).toBe("interface Shape");
    expect(ask("Math.ma|x(1)", 1)).toContain("Math.max(...values: number[]): number");
    expect(ask("fast.inte|ger()")).toContain("): Arbitrary<number>");
    expect(ask("fast.inte|ger()", 1)).toMatch(/fast-check\/.*\.d\.ts:\d+$/);
  });
  it("finds nothing where there is nothing", () => {
    for (const text of ["nope|", "|", "1 + |", "'text|'"]) expect([text, ask(text)]).toEqual([text, ""]);
  });
  it("comes as Markdown too", () => {
    const found = language.inspect({ code: "say", offset: 1, detail: 0 });
    expect(found.found && found.data["text/markdown"]).toMatch(/^```typescript\nfunction say[\s\S]*\n```\n\nSays a thing\.\n\n\*@param\*/);
  });
});

describe("completeness", () => {
  it.each([
    "1",
    "const a = 1;",
    "",
    "  \n",
    "if (x) { y }",
    "function f() {\n}",
    "`a\n`",
    "// comment",
    "{ a: 1 }",
    "await x",
    "class A {}",
    "a\n.b",
    "x => x",
    "/a[/]/",
  ])("finds %j complete", (code) => {
    expect(completeness(code)).toEqual({ status: "complete", indent: "" });
  });
  it.each([
    ["function f() {", "  "],
    ["if (x) {\n  y(", "    "],
    ["if (x)", "  "],
    ["const a =", "  "],
    ["1 +", "  "],
    ["[1,", "  "],
    ["{ a: 1,\n  b: 2,", "  "],
    ["`open", ""],
    ["`a ${", "  "],
    ["/* open", ""],
    ["foo(", "  "],
    ["x =>", "  "],
    ["a ? b :", "  "],
    ["try {\n}", ""],
    ["for (const a of b)", "  "],
    ["class A {\n  m() {\n    1;\n  }", "  "],
    ["import { a } from", "  "],
    ["const x = { // why", "  "],
    ["foo.", "  "],
    ["async () => {", "  "],
    ["do {\n}", ""],
  ])("finds %j incomplete", (code, indent) => {
    expect(completeness(code)).toEqual({ status: "incomplete", indent });
  });
  it.each(["let = 1 2", ")", "foo(]", "'open", "'open\nx", "1 +* 2; 3", "const 1a = 2;", "}", "/open", "class { } }"])(
    "finds %j invalid",
    (code) => {
      expect(completeness(code).status).toBe("invalid");
    },
  );
});

describe("the worker", () => {
  it("answers requests in their order, those that need types after the others, and reports what failed", async () => {
    const { port1, port2 } = new MessageChannel();
    const workerData = { port: port2, options: { folder, preload: [], strict: false } };
    const worker = new Worker(new URL("../../dist/kernel/language-worker.js", import.meta.url), { workerData, transferList: [port2] });
    const replies: LanguageReply[] = [];
    const all = new Promise<void>((resolve) => {
      port1.on("message", (reply: LanguageReply) => {
        if (replies.push(reply) === 5) resolve();
      });
    });
    port1.postMessage({ id: 1, method: "check", params: { cell: 1, code: "const a = 1; a.nope" } });
    port1.postMessage({ id: 2, method: "transform", params: { cell: 2, code: "a" } });
    port1.postMessage({ id: 3, method: "nonsense", params: {} });
    port1.postMessage({ id: 4, method: "expression", params: { code: "1 as number" } });
    port1.postMessage({ id: 5, method: "isComplete", params: { code: "(" } });
    await all;
    await worker.terminate();
    expect(replies.map(({ id }) => id)).toEqual([2, 3, 4, 5, 1]);
    expect(replies[4]!.result).toMatchObject([{ code: 2339, line: 1, column: 16 }]);
    expect(replies[1]!.error).toContain("not a function");
  });
});
