import { beforeEach, describe, expect, it } from "vitest";
import { installKernel, resultOf, runCell, values } from "./repl.js";

let calls: string[];
beforeEach(() => {
  calls = installKernel().calls;
});

describe("declarations over cells", () => {
  it("lets a closure of an earlier cell see a later assignment", async () => {
    expect(await resultOf("let warmth = 0.7; function sample() { return warmth }", "warmth = 1.5; sample()")).toBe(1.5);
    expect(await resultOf("let warmth: number = 2", "sample()")).toBe(2);
  });

  it("lets const, let, var, function, class, enum, namespace and import stand for the same name in turn", async () => {
    const forms = [
      "const thing = 1; typeof thing",
      "function thing() {} typeof thing",
      "class thing {} typeof thing",
      "let thing = 'x'; typeof thing",
      "enum thing { a = 4 } typeof thing.a",
      "namespace thing { export const deep = true } typeof thing.deep",
      "import thing from 'node:path'; typeof thing.join",
      "var thing = 3n; typeof thing",
      "import * as thing from 'node:path'; typeof thing",
      "const { thing } = { thing: 5 }; typeof thing",
    ];
    const types = ["number", "function", "function", "string", "number", "boolean", "function", "bigint", "object", "number"];
    expect(await values(...forms)).toEqual(types);
    expect(await values(...forms.toReversed())).toEqual(types.toReversed());
  });

  it("hoists functions in a cell, async and generator ones too", async () => {
    expect(await resultOf("const two = later() + 1; function later() { return 1 } two")).toBe(2);
    expect(await resultOf("[...count()].join(); function* count() { yield 1; yield 2 } [...count()].join()")).toBe("1,2");
    expect(await resultOf("const z = await slow(); async function slow() { return 6 } z")).toBe(6);
  });

  it("lets a function that is declared again be found by its own earlier body", async () => {
    expect(
      await resultOf(
        "function again(n: number): string { return n ? again(n - 1) : 'old' } const oldAgain = again",
        "function again() { return 'new' } oldAgain(1)",
      ),
    ).toBe("new");
    expect(await resultOf("function again() {} again.name")).toBe("again");
  });

  it("keeps what a failed cell had declared, and the old value of what it did not reach", async () => {
    await resultOf("let kept = 'old'; let model = 1");
    const { error } = await runCell("const reached = 3; kept = 'new'; let model = await Promise.reject(new Error('no'))");
    expect(error?.message).toBe("Error: no");
    expect(await resultOf("[reached, kept, model].join()")).toBe("3,new,1");
  });

  it("keeps functions of a cell whose import fails", async () => {
    expect((await runCell("import 'node:nothing'; function kept2() { return 1 }")).error).toBeDefined();
    expect(await resultOf("kept2()")).toBe(1);
  });

  it("makes var of loops and blocks the cell's own", async () => {
    expect(
      await resultOf(
        "for (var i = 0; i < 3; i++) {} for (var k of [7, 8]) { var inner = k * 2 } for (var [p, { q = 9 }] of [[1, {}]] as any) {} [i, k, inner, p, q].join()",
      ),
    ).toBe("3,8,16,1,9");
    expect(
      await resultOf(
        "for (var key in { a: 1 }) ; var { x: [y0, ...ys], ...others } = { x: [1, 2, 3], z: 4 }; [key, y0, ys, others.z].join()",
      ),
    ).toBe("a,1,2,3,4");
    expect(await resultOf("var one = 1, two, one = 2; if (true) { var two = 5 } one + two")).toBe(7);
    expect(await resultOf("let i = 'again'; i")).toBe("again");
    expect(await resultOf("early; var early = 1; early")).toBe(1);
  });

  it("leaves var in functions, classes and namespaces alone", async () => {
    expect(
      await resultOf(
        "let v = 1; function own() { var v = 2; for (var w = 0; w < 2; w++) {} return v + w } const arrow = () => { var v = 9 }; arrow(); class V { static { var v = 8 } } own() + v",
      ),
    ).toBe(5);
  });

  it("ends labels, switches and nested loops as JavaScript does", async () => {
    expect(
      await resultOf(
        "let n = 0; outer: for (const a of [1, 2, 3]) { for (var b of [1, 2]) { if (b === 2) continue outer; if (a === 3) break outer; n += a } } n",
      ),
    ).toBe(3);
    expect(await resultOf("switch (1 as number) { case 1: let c = 2; var s = c } s")).toBe(2);
  });
});

describe("TypeScript", () => {
  const cases: [string, string, unknown][] = [
    [
      "types, satisfies, as and !",
      "type A = { a: number }; interface B extends A {} const a = { a: 1 } satisfies B; (a as A).a! + <number>1",
      2,
    ],
    ["enums", "enum Color { Red, Green = 'g', Blue = 1 << 3 } [Color[0], Color.Green, Color.Blue].join()", "Red,g,8"],
    ["const enums", "const enum Fast { One = 1, Two } Fast.Two + Fast.One", 3],
    ["namespaces", "namespace Outer { export namespace Inner { export const deep = 5 } export let y = Inner.deep + 1 } Outer.y", 6],
    [
      "namespaces that merge with functions",
      "function merged() { return merged.factor } namespace merged { export const factor = 4 } merged()",
      4,
    ],
    [
      "parameter properties",
      "class P { constructor(private readonly x: number, public y = 2) {} sum() { return this.x + this.y } } new P(1).sum()",
      3,
    ],
    [
      "abstract classes",
      "abstract class Shape { abstract area(): number; twice() { return this.area() * 2 } } class Sq extends Shape { override area() { return 4 } } new Sq().twice()",
      8,
    ],
    [
      "private fields and static blocks",
      "class F { static #n = 1; #m = 2; static { F.#n = 5 } get all() { return F.#n + this.#m } } new F().all",
      7,
    ],
    ["accessor", "class Acc { accessor level = 3 } const acc = new Acc(); acc.level += 1; acc.level", 4],
    [
      "decorators",
      "function twice(f: any, _: any) { return function (this: any, ...a: any[]) { return f.apply(this, a) * 2 } } class D { @twice m() { return 21 } } new D().m()",
      42,
    ],
    ["class decorators", "const mark = (c: any, _: unknown) => { c.marked = 'yes' }; @mark class M {} (M as any).marked", "yes"],
    ["overloads", "function over(a: string): string; function over(a: number): number; function over(a: any) { return a } over(3)", 3],
    ["declare", "declare const nothing: number; declare function f9(): void; declare module 'm' {} 1", 1],
    ["generics and optional chaining", "const id = <T,>(x: T): T => x; id<{ a?: { b: number } }>({})?.a?.b ?? 'none'", "none"],
    ["import type", "import type { Stats } from 'node:fs'; import { type Dirent, join } from 'node:path'; join('a', 'b')", "a/b"],
    ["import equals", "import os = require('node:os'); typeof os.cpus", "function"],
    [
      "export",
      "export const ex = 1; export function exf() { return ex } export class Exc {} export enum Exe { A = 5 } export { ex as other }; export type T9 = 1; exf() + Exe.A",
      6,
    ],
    ["export default", "export default 4", 4],
    ["export default of a class", "export default class Def { static x = 1 } Def.x", 1],
    ["anonymous default functions", "export default function () { return 1 }", expect.any(Function)],
    ["using", "const log: string[] = []; { using a = { [Symbol.dispose]() { log.push('a') } }; log.push('in') } log.join()", "in,a"],
  ];
  it.each(cases)("runs %s", async (_, source, expected) => {
    expect(await resultOf(source)).toEqual(expected);
  });

  it("disposes what a cell uses at the cell's end, and keeps its names", async () => {
    expect(
      await resultOf(
        "const ends: string[] = []",
        "using u1 = { name: 'u', [Symbol.dispose]() { ends.push('end') } }; await using u2 = { async [Symbol.asyncDispose]() { ends.push('async') } }; ends.length",
      ),
    ).toBe(0);
    expect(await resultOf("ends.join() + u1.name")).toBe("async,endu");
  });
});

describe("imports", () => {
  it("takes default, named, renamed, string-named, namespace and side-effect imports", async () => {
    expect(
      await resultOf(
        "import path, { join as put, sep } from 'node:path'; import * as all from 'node:path'; import 'node:os'; import def, * as both from 'node:fs'; [put('a', 'b'), sep, all.sep, path.sep, typeof def.readFile, typeof both.readFile].join()",
      ),
    ).toBe("a/b,/,/,/,function,function");
    expect(calls.filter((call) => call.startsWith("import"))).toEqual([
      "import node:path",
      "import node:path",
      "import node:os",
      "import node:fs",
    ]);
  });
  it("takes default exports of CommonJS", async () => {
    expect(await resultOf("import fc from 'typescript'; typeof fc.createProgram")).toBe("function");
  });
  it("uses an import in a later cell only", async () => {
    expect(await resultOf("import { basename } from 'node:path'", "basename('/a/b')")).toBe("b");
  });
  it("imports dynamically, in functions too", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell has it
    expect(await resultOf("const load = async (name: string) => (await import(`node:${name}`)).sep; await load('path')")).toBe("/");
    expect(calls).toEqual(["import node:path", "wait", "wait"].sort((a, b) => calls.indexOf(a) - calls.indexOf(b)));
  });
  it("runs imports first, wherever they stand", async () => {
    expect(await resultOf("const d = dirname('/a/b'); import { dirname } from 'node:path'; d")).toBe("/a");
  });
  it("passes attributes on", async () => {
    const { code } = await runCell("const attr = () => import('./x.json', { with: { type: 'json' } })");
    expect(code).toContain("with: { type: 'json' }");
  });
  it("knows import.meta", async () => {
    expect(await resultOf("[import.meta.dirname, import.meta.url].join()")).toBe("/notebooks,file:///notebooks/cell.ts");
  });
});

describe("awaits", () => {
  it("asks the kernel at every await, in functions too", async () => {
    expect(
      await resultOf("const w = async (x: number) => { const y = await x; return (await (async () => await y)()) + 1 }; await w(1)"),
    ).toBe(2);
    expect(calls).toEqual(["wait", "wait", "wait", "wait"].slice(0, calls.length));
    expect(calls.length).toBe(4);
  });
  it("iterates asynchronously with break, throw and finally", async () => {
    expect(
      await resultOf(
        "const seen: any[] = []; async function* feed() { try { yield 1; yield await 2; yield 3 } finally { seen.push('closed') } } for await (const x of feed()) { if (x === 3) break; seen.push(x) } seen.join()",
      ),
    ).toBe("1,2,closed");
    expect(
      await resultOf(
        "try { for await (const x of feed()) throw new Error('stop') } catch (e) { seen.push((e as Error).message) } seen.join()",
      ),
    ).toBe("1,2,closed,closed,stop");
    expect(calls).toContain("iterate");
    expect(await resultOf("let final; for await (final of feed()); for await (var fv of feed()); final + fv")).toBe(6);
  });
  it("delegates in generators", async () => {
    expect(
      await resultOf(
        "function* inner() { const got: number = yield 1; return got * 2 } function* outer(): any { return yield* inner() } const it = outer(); it.next(); it.next(4).value",
      ),
    ).toBe(8);
  });
});

describe("the last value", () => {
  const cases: [string, unknown][] = [
    ["1 + 1", 2],
    ["1 + 1;", 2],
    ["5;;", 5],
    ["'text'", "text"],
    ["({ a: 1 })", { a: 1 }],
    ["{ a: 1 }", { a: 1 }],
    ["{ a: 1, b: [2] }", { a: 1, b: [2] }],
    ["// first\n{ a: 1, b: { c: `}` } } // done\n", { a: 1, b: { c: "}" } }],
    ["const aa = 1;\n{ aa }", { aa: 1 }],
    ["const ab = 1;\n{\n  x: ab,\n  ...{ y: 2 },\n};", { x: 1, y: 2 }],
    ["{ const block = 1; block }", undefined],
    ["{}", undefined],
    ["{ await 1; }", undefined],
    ["1, 2", 2],
    ["7 // comment\n/* more */", 7],
    ["/* before */ 7\n// after\n", 7],
    ["if (true) { 1 }", undefined],
    ["for (const a of [1]) a", undefined],
    ["const c1 = 1", undefined],
    ["function f1() {}", undefined],
    ["class C1 {}", undefined],
    ["// nothing", undefined],
    ["", undefined],
    ["#!/usr/bin/env node\n3", 3],
    ["\uFEFF4", 4],
    ["'use strict'; (function (this: unknown) { return this })()", undefined],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the cell has it
    ["`await ${'x'} ${1 + 1}`", "await x 2"],
    ["'await import(\"x\")'", 'await import("x")'],
    ["/await \\/ import/.source", "await \\/ import"],
    ["const größe = 3; const 数 = 4; größe * 数", 12],
    ["const \\u0061bc = 1; abc", 1],
    ["let a2 = 1\r\nlet b2 = 2\r\na2 + b2\r\n", 3],
    ["let u\nu ??= 5", 5],
    ["throwIt; function throwIt() {} typeof throwIt", "function"],
    ["async () => await 1", expect.any(Function)],
    ["function g1() { return arguments.length } g1(1, 2)", 2],
    ["eval('1 + 2')", 3],
  ];
  it.each(cases)("of %j", async (source, expected) => {
    expect(await resultOf(source)).toEqual(expected);
  });

  it("survives very long cells", async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `const long${i}: number = ${i === 0 ? 1 : `long${i - 1} + 1`};`);
    expect(await resultOf(`${lines.join("\n")}\nlong4999`)).toBe(5000);
    expect(await resultOf(`"${"x".repeat(1_000_000)}".length`)).toBe(1_000_000);
  });
});
