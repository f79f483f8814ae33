import { SourceMap } from "node:module";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { transformCell, transformExpression } from "../../src/kernel/transform.js";
import { installKernel, resultOf, runCell } from "./repl.js";

beforeEach(() => {
  installKernel();
});

/** Where, from 1, the first frame of a cell's error stands in the cell. */
async function placeOfError(source: string): Promise<[number, number]> {
  const { error, map } = await runCell(source);
  const [, line, column] = /cell-\d+\.js:(\d+):(\d+)/.exec(error?.stack ?? "")!;
  const entry = new SourceMap(JSON.parse(map)).findEntry(Number(line) - 1, Number(column) - 1);
  if (!("originalLine" in entry)) throw new Error(`no place for ${line}:${column}`);
  return [entry.originalLine + 1, entry.originalColumn + 1];
}

const syntax = (source: string) => {
  const transformed = transformCell(source);
  if (transformed.kind !== "syntax") throw new Error(`expected a syntax error, got ${transformed.code}`);
  return transformed.diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
};

describe("the source map", () => {
  it("leads from an error to its line and column", async () => {
    expect(await placeOfError("throw new Error('x')")).toEqual([1, 7]);
    expect(await placeOfError("// a\n\nconst a = 1 as number;\n  throw new Error('x')")).toEqual([4, 9]);
    expect(await placeOfError("interface A { a: 1 }\r\nenum B { c }\r\nawait 1;\r\n  null!.x")).toEqual([4, 9]);
    expect(await placeOfError("boom();\nfunction boom() {\n  const x: any = null;\n  return x.y;\n}")).toEqual([4, 12]);
    expect(await placeOfError("import { join } from 'node:path';\nexport const z = join('a'),\n  y = (undefined as any).foo;")).toEqual([
      3, 26,
    ]);
    expect(await placeOfError("var { q } = { q: 1 };\nfor (var i = 0; i < 2; i++) {\n  (null as any)[i];\n}")).toEqual([3, 16]);
  });

  it("counts from the brace of an object that stands alone", async () => {
    expect(await placeOfError("{ a: (null as any).b }")).toEqual([1, 20]);
    expect(await placeOfError("1;\n  { a: 1,\n b: (null as any).b }")).toEqual([3, 19]);
    expect(await placeOfError("1;\n  { b: (null as any).b }")).toEqual([2, 22]);
  });

  it("maps every thrown line back, whatever stands around it", async () => {
    const fillers = [
      "const a = 1 as number;",
      "interface I { x: string }",
      "",
      "// comment",
      "/* two\nlines */",
      "enum E { A, B }",
      "function f(x: number): void {\n  x;\n}",
      "var v = 1;",
      "import * as p from 'node:path';",
      "class C { constructor(private x = 1) {} }",
      "type T = {\n  a: 1;\n};",
      "await 1;",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell has it
      "`a\n${1}\nb`;",
      "export const k = [\n  1,\n  2,\n];",
      "for (var i = 0; i < 1; i++) {\n}",
      "if (true) {\n  var w = 1;\n}",
      "namespace N { export const q = 1 }",
    ];
    const throwers = [
      "throw new Error('here');",
      "(null as any).here;",
      "await Promise.reject(new Error('here'));",
      "if (true) { throw new Error('here') }",
    ];
    const ending = fc.constantFrom("\n", "\r\n");
    const property = fc.asyncProperty(
      fc.uniqueArray(fc.constantFrom(...fillers)),
      fc.constantFrom(...throwers),
      fc.uniqueArray(fc.constantFrom(...fillers)),
      ending,
      async (before, thrower, after, newline) => {
        const later = after.filter((filler) => !before.includes(filler));
        const source = [...before, thrower, ...later].join("\n").replaceAll("\n", newline);
        const [line] = await placeOfError(source);
        expect(line).toBe(before.join("\n").split("\n").length + (before.length > 0 ? 1 : 0));
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });
});

describe("syntax errors", () => {
  it("have the cell's lines", () => {
    expect(syntax("let a = 1\nlet = ;")[0]).toMatch(/^2:/);
    expect(syntax("const x = {\n a: 1\n")).toEqual(["3:1 '}' expected."]);
    expect(syntax("@@")[0]).toMatch(/^1:/);
  });
  it("are found where only JavaScript sees them", () => {
    expect(syntax("let a = 1;\nlet b = 2;\n  let a = 3;")).toEqual(["3:7 Identifier 'a' has already been declared"]);
    expect(syntax("1;\nreturn 5")).toEqual(["2:1 A 'return' statement can only be used within a function body."]);
    expect(syntax("break;")[0]).toMatch(/^1:1 /);
    expect(syntax("function f() {\n  await 1;\n}")[0]).toMatch(/^2:/);
    expect(syntax("const f = async (x = await 1) => x")[0]).toMatch(/^1:/);
    expect(syntax("1 = 2")[0]).toMatch(/^1:1 /);
    expect(syntax("class A { #a; #a }")[0]).toMatch(/^1:/);
  });
  it("never surprise: any text is code or a diagnostic", () => {
    const pieces = fc.constantFrom(
      "let ",
      "a",
      "{",
      "}",
      "(",
      ")",
      "=>",
      "await ",
      "import ",
      "export ",
      "default ",
      "class ",
      "`",
      "${",
      "/",
      "*",
      "\n",
      ";",
      "for",
      "of ",
      "=",
      "1",
      "'",
      "#",
      "@",
      "<",
      "var ",
      "function ",
      ":",
      ",",
      ".",
      "enum ",
      "namespace ",
      "async ",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 14 }), (parts) => ["code", "syntax"].includes(transformCell(parts.join("")).kind)),
      { numRuns: 1500 },
    );
  });
});

describe("expressions", () => {
  it("leave their value as a cell does", async () => {
    const transformed = transformExpression("await (1 as number) + 1 // two");
    if (transformed.kind !== "code") throw new Error("expected code");
    expect(transformed.code).toContain("__kernel.last = ");
    expect(await resultOf("const e = 2", "(e)")).toBe(2);
  });
  it("are no statements", () => {
    for (const code of ["let x = 1", "1; 2", "", "1)(", "if (x) {}", "1 +"]) expect(transformExpression(code).kind).toBe("syntax");
  });
});
