import { expect, test } from "vitest";
import { SessionProcess, sleep } from "./session-process.js";

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are such
const plain = (lines: string[]): string => lines.join("\n").replace(/\x1b\[[\d;]*m/g, "");

async function traceback(code: string, session = new SessionProcess(), map = ""): Promise<string> {
  const { outcome } = await session.run(code, { map });
  if (outcome.status !== "error") throw new Error("expected an error");
  expect(outcome.traceback.every((line) => !line.includes("\n"))).toBe(true);
  return plain(outcome.traceback);
}

test("a traceback names the cell's line, shows it, and hides the kernel's frames", async () => {
  const text = await traceback("function f() {\n  throw new RangeError('too much');\n}\nf();");
  expect(text).toBe(
    [
      "RangeError: too much",
      "  1 | function f() {",
      "> 2 |   throw new RangeError('too much');",
      "    |         ^",
      "  3 | }",
      "  4 | f();",
      "    at f (cell 1:2:9)",
      "    at cell 1:4:1",
    ].join("\n"),
  );
});

test("places are those of the source, where the code that ran is another", async () => {
  const map = { version: 3, sources: ["cell.ts"], sourcesContent: ["\n\n  throw new Error(x as string)"], names: [], mappings: "AAEE" };
  const text = await traceback("throw new Error('x')", new SessionProcess(), JSON.stringify(map));
  expect(text).toContain("at cell 1:3:3");
  expect(text).toContain("> 3 |   throw new Error(x as string)");
});

test("a function of another cell is named with its cell, also after an await", async () => {
  const session = new SessionProcess();
  await session.run("let g = async function g() {\n  await null;\n  throw new TypeError('deep');\n}");
  const text = await traceback("\nawait g()", session);
  expect(text).toContain("> 3 |   throw new TypeError('deep');");
  expect(text).toMatch(/at g \(cell 1:3:9\)\n {4}at async cell 2:2:1/);
});

test("the cell that awaits is named, where the error comes from a library's promise", async () => {
  const session = new SessionProcess();
  await session.run(`globalThis.library = new Function("return async () => { await null; await null; throw new Error('far') }")()`);
  const text = await traceback("\nawait __kernel.wait(library());", session);
  expect(text).toContain("> 2 | await __kernel.wait(library());");
  const nested = await traceback("async function inner() { await __kernel.wait(library()) }\nawait __kernel.wait(inner());", session);
  expect(nested).toMatch(/at async inner \(cell 3:1:26\)\n {4}at async cell 3:2:1$/);
});

test("causes and the parts of an AggregateError are shown, and a cycle of causes ends", async () => {
  const cause = await traceback("throw new Error('outer', { cause: new TypeError('inner') })");
  expect(cause).toMatch(/Error: outer[\s\S]*Caused by:\nTypeError: inner/);
  const parts = await traceback("await Promise.any([Promise.reject(new Error('one')), Promise.reject(2)])");
  expect(parts).toMatch(/AggregateError: All promises were rejected[\s\S]*\[1 of 2\]\n {2}Error: one[\s\S]*\[2 of 2\]\n {2}Uncaught: 2/);
  const cycle = await traceback("const e = new Error('round'); e.cause = e; throw e");
  expect(cycle.match(/round/g)?.length).toBeLessThan(6);
});

test("anything can be thrown", async () => {
  const session = new SessionProcess();
  expect(await traceback("throw { a: 1 }", session)).toBe("Uncaught: { a: 1 }");
  expect(await traceback("throw undefined", session)).toBe("Uncaught: undefined");
  expect(await traceback("throw null", session)).toBe("Uncaught: null");
  expect(await traceback("throw Object.assign(new Error('x'), { code: 'E1' })", session)).toContain("{ code: 'E1' }");
  expect(await traceback("throw new Proxy({}, { get() { throw 1 }, has() { throw 2 }, getPrototypeOf() { throw 3 } })", session)).toContain(
    "cannot be shown",
  );
  expect(await traceback("const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw 1 } }); throw e", session)).toContain(
    "Error",
  );
  expect((await session.run("__kernel.last = (1)")).text).toBe("1");
});

test("a caught error prints its stack in the cell's lines", async () => {
  const { stderr } = await new SessionProcess().run("\ntry { null.x } catch (error) { console.error(error) }");
  expect(stderr).toMatch(/^TypeError: [^\n]*\n {4}at cell 1:2:12\n/);
  expect(stderr).not.toMatch(/inspector|kernel/);
});

test("errors outside a cell's own end are reported in the cell that caused them, and the session lives on", async () => {
  const session = new SessionProcess();
  const late: { [kind: string]: string } = {
    rejection: "Promise.reject(new Error('rejection'))",
    async: "(async () => { await new Promise((go) => setTimeout(go, 30)); throw new Error('async') })()",
    timer: "setTimeout(() => { throw new Error('timer') }, 30)",
    tick: "process.nextTick(() => { throw new Error('tick') })",
    immediate: "setImmediate(() => { throw new Error('immediate') })",
    emitter: "require('node:fs').readFile('/nothing', () => { throw new Error('emitter') })",
  };
  const cells = new Map<string, number>();
  for (const [kind, code] of Object.entries(late)) cells.set(kind, (await session.run(`${code}; 0`)).cell);
  await session.run("await new Promise((go) => setTimeout(go, 60))");
  await sleep(50);
  for (const [kind, cell] of cells) {
    const error = session.of(cell).find((message) => message.kind === "error");
    expect(error, kind).toMatchObject({ error: { ename: "Error", evalue: kind } });
  }
});

test("code that prepares stacks itself still can", async () => {
  const { text } = await new SessionProcess().run(`
    const before = Error.prepareStackTrace;
    Error.prepareStackTrace = (_, sites) => sites.length > 0;
    const seen = new Error("x").stack;
    Error.prepareStackTrace = before;
    __kernel.last = (seen);
  `);
  expect(text).toBe("true");
});
