import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createLanguage, type Language } from "../../src/kernel/language.js";
import type { KernelOptions } from "../../src/kernel/messages.js";

const folder = mkdtempSync(join(process.cwd(), ".eqlab-test-language-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "helper.ts"), "export const help: number = 1;\nexport type Help = { deep: string };\n");
mkdirSync(join(folder, "node_modules/untyped"), { recursive: true });
writeFileSync(join(folder, "node_modules/untyped/package.json"), JSON.stringify({ name: "untyped", version: "1.0.0", main: "index.js" }));
writeFileSync(join(folder, "node_modules/untyped/index.js"), "module.exports = { anything: 1 };\n");
writeFileSync(join(folder, "plain.js"), "export const plain = () => 'text';\n");

let cell = 0;
const options: KernelOptions = {
  folder,
  preload: [
    { name: "fast", specifier: "fast-check" },
    { name: "sample", specifier: "fast-check", member: "sample" },
  ],
  strict: false,
};
const one = createLanguage(options);
const start = (given: Partial<KernelOptions> = {}): Language =>
  Object.keys(given).length === 0 ? one : createLanguage({ ...options, ...given });
const says = (language: Language, code: string, runs = true): string[] => {
  const found = language.check({ cell: ++cell, code }).map(({ line, column, code: number }) => `${line}:${column} ${number}`);
  language.settle({ cell, runs });
  return found;
};

describe("a cell's types", () => {
  it("reach later cells with every meaning that a declaration has", () => {
    const language = start();
    expect(
      says(
        language,
        "let x = 5; const y = 'a' as const; function f(a: number) { return a * x }\nclass K<T> { v!: T } interface I { q: string } enum E { A, B } type T = { a: I }; namespace N { export const z = 1; export type Z = 'z' }",
      ),
    ).toEqual([]);
    expect(
      says(
        language,
        "const i: I = { q: '' }; const t: T = { a: i }; const e: E.B = E.B; const k = new K<string>(); k.v.length; const z: N.Z = 'z'; f(N.z); const kk: K<number> = new K()",
      ),
    ).toEqual([]);
    expect(says(language, "x = 6;\nx = 'no';\ny = 'b';\nf('s');\nconst bad: I = { q: 1 };")).toEqual([
      "2:1 2322",
      "3:1 2588",
      "4:3 2345",
      "5:18 2322",
    ]);
  });
  it("are those of the latest declaration", () => {
    const language = start();
    says(language, "let x = 1; class Thing { a = 1 }");
    expect(says(language, "let x = 'text'; const Thing = { b: 2 }")).toEqual([]);
    expect(says(language, "x.length; Thing.b; x = 'more'")).toEqual([]);
    expect(says(language, "const before = x; let x2 = before.length")).toEqual([]);
    expect(says(language, "let x = x2.toFixed().length")).toEqual([]);
    expect(says(language, "before.length; x2.toFixed(); x.toFixed()")).toEqual([]);
  });
  it("let a type and a value of one name come from two cells", () => {
    const language = start();
    says(language, "interface Foo { a: 1 }");
    says(language, "const Foo = { b: 2 }");
    expect(says(language, "const g: Foo = { a: 1 }; Foo.b; Foo.c")).toEqual(["1:37 2339"]);
    expect(says(language, "interface Foo { a: string }")).toEqual([]);
    expect(says(language, "const h: Foo = { a: '' }; Foo.b")).toEqual([]);
  });
  it("say nothing of what a notebook may do", () => {
    const language = start();
    for (const code of [
      "await 1; for await (const v of []) { v }",
      "import { help } from './helper.ts'",
      "import { help, type Help } from './helper'; help.toFixed()",
      "let later; later = 5; later",
      "export default 1",
      "import untyped from 'untyped'; untyped.anything",
      "const unused = 1; function never(a: number) {}",
      "for (var i = 0; i < 1; i++) {} const c = 1; { const c = 2 }",
      "using d = { [Symbol.dispose]() {} }",
      "process.argv; Buffer.from('a'); setTimeout(() => {}, 1).unref(); structuredClone(1); new Blob([]); require('node:fs')",
      "import fs from 'node:fs'; fs.readFileSync('a', 'utf8').length",
      "import { plain } from './plain.js'; plain().length",
      "const name = 1; const status = 2; const event = 3; name + status + event",
      "enum Late { A } namespace Deep { export let a = 1 }",
      "#!/usr/bin/env node\n1",
      "{ a: 1 }",
      "import.meta.dirname",
      "const { a, ...rest } = { a: 1, b: 2 }; var [p = 1, [q]] = [1, [2]]; rest.b + p + q",
    ])
      expect([code, says(language, code)]).toEqual([code, []]);
    expect(
      says(language, "later; i; c; unused; const n: number = help; fs; a; p; const l: Late = Late.A; let h: Help = { deep: '' }"),
    ).toEqual([]);
  });
  it("do say what is wrong, in the cell's lines", () => {
    const language = start();
    expect(says(language, "\n\nnope")).toEqual(["3:1 2304"]);
    expect(says(language, "import { missing } from 'node:fs';\r\nimport 'not-there';\r\n  import x from 'not-there'")).toEqual([
      "1:10 2305",
      "2:8 2882",
      "3:17 2307",
    ]);
    expect(says(language, "{ a: 1, b: nope }")).toEqual(["1:12 2304"]);
    expect(says(language, "1;\n{ a: 1,\n b: nope }")).toEqual(["3:5 2304"]);
    expect(says(language, "// @ts-expect-error\nconst n: number = '';\n// @ts-ignore\nconst m: number = ''")).toEqual([]);
    expect(says(language, "// @ts-nocheck\nconst n2: number = ''")).toEqual([]);
    expect(says(language, "(a) => a")).toEqual(["1:2 7006"]);
  });
  it("stay those of a local file that changes", () => {
    const language = start();
    writeFileSync(join(folder, "changing.ts"), "export const value = 1;\n");
    expect(says(language, "import { value } from './changing.ts'; value.toFixed()")).toEqual([]);
    writeFileSync(join(folder, "changing.ts"), "export const value = 'now a string';\n");
    expect(says(language, "import { value } from './changing.ts'; value.toFixed()")).toEqual(["1:46 2551"]);
  });
  it("know the kernel's globals, which a cell may declare anew", () => {
    const language = start();
    expect(
      says(
        language,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell has it
        "display(1).update(2); display({ 'text/plain': 'a' }, { raw: true }); md`a ${1}`; html`b`; svg`c`; clearOutput(true); widgets; const s: string | null = prompt('?'); password('?'); const b: boolean = confirm('?')",
      ),
    ).toEqual([]);
    expect(says(language, "clearOutput('x'); const display = 4; display.toFixed()")).toEqual(["1:13 2345"]);
    expect(says(language, "display.toFixed()")).toEqual([]);
  });
  it("know preloads, once they are named", () => {
    const language = start();
    expect(says(language, "let arbitrary: fast.Arbitrary<number> = fast.integer(); sample(arbitrary, 3).length")).toEqual([]);
    expect(says(language, "fast.nope; sample('x')")).toEqual(["1:6 2339", "1:19 2345"]);
    const [mistake] = language.check({ cell: ++cell, code: "const wrong: number = fast.integer()" });
    expect(mistake!.message).toBe("Type 'Arbitrary<number>' is not assignable to type 'number'.");
    expect(says(language, "const fast = 1; fast.toFixed()")).toEqual([]);
  });
  it("survive many cells, and cells that run again and again", () => {
    const language = start();
    says(language, "let seed = 0; const pinned = seed");
    for (let i = 0; i < 200; i++) expect(says(language, `let again = ${i}; let seed${i % 150} = seed + again`)).toEqual([]);
    expect(says(language, "again.toFixed(); seed149.toFixed(); pinned.toFixed(); seed.length")).toEqual(["1:60 2339"]);
  });
  it("are checked anew with a global that an earlier cell declares", () => {
    const language = start();
    expect(says(language, "addedLater")).toEqual(["1:1 2304"]);
    expect(says(language, "declare global { var addedLater: number }")).toEqual([]);
    expect(says(language, "addedLater.toFixed(); addedLater.length")).toEqual(["1:34 2339"]);
  });
  it("outlive every cell that used to see them", () => {
    const language = start();
    says(language, "class Kept<T> { constructor(readonly v: T) {} } const made = new Kept('text')");
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 40; j++) says(language, `let turn = ${i % 2 ? "''" : "0"}; made.v.length`);
      language.rest();
      expect(says(language, i % 2 ? "turn.length; turn.toFixed()" : "turn.toFixed(); turn.length")).toHaveLength(1);
    }
    expect(says(language, "const other: typeof made = new Kept('a'); other.v = 'b'; made.v.nope")).toEqual(["1:49 2540", "1:65 2339"]);
  });
  it("of an import are read when the program does not have them yet", () => {
    const language = start();
    writeFileSync(join(folder, "fresh.ts"), "export class Fresh { own = 1 }\n");
    expect(says(language, "const { Fresh } = await import('./fresh.ts'); new Fresh().nope")).toEqual(["1:59 2339"]);
    expect(
      says(language, "import { Fresh as Again } from './fresh.ts'; let it: import('./fresh.ts').Fresh = new Again(); it.own.nope"),
    ).toEqual(["1:103 2339"]);
    expect(says(language, "import { absent } from './fresh.ts'")).toEqual(["1:10 2305"]);
  });
  it("are not taken from a cell that does not run", () => {
    const language = start();
    says(language, "let kept = 1");
    expect(says(language, "let kept = 'text'; nope", false)).toEqual(["1:20 2304"]);
    expect(says(language, "kept.toFixed()")).toEqual([]);
    expect(says(language, "let kept = 'text'; nope")).toEqual(["1:20 2304"]);
    expect(says(language, "kept.length")).toEqual([]);
  });
});
