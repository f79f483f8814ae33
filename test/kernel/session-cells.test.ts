import { expect, test } from "vitest";
import { SessionProcess } from "./session-process.js";

test("a function of an earlier cell sees what later cells assign and declare anew", async () => {
  const session = new SessionProcess();
  await session.run("let temperature = 0.7; let sample = function sample() { return temperature }");
  expect((await session.run("temperature = 1.5; __kernel.last = (sample())")).text).toBe("1.5");
  expect((await session.run("let temperature = 2; __kernel.last = (sample())")).text).toBe("2");
});

test("a cell that throws keeps what it declared before, and what it did not reach can be declared later", async () => {
  const session = new SessionProcess();
  const failed = await session.run("let big = await Promise.resolve(5); throw 1; let x = 2");
  expect(failed.outcome).toMatchObject({ status: "error", ename: "Uncaught", evalue: "1" });
  expect((await session.run("__kernel.last = (big)")).text).toBe("5");
  expect((await session.run("__kernel.last = (x)")).outcome).toMatchObject({ ename: "ReferenceError", evalue: "x is not defined" });
  expect((await session.run("let x = 3; __kernel.last = (x)")).text).toBe("3");
  expect((await session.run("__kernel.last = (x)")).text).toBe("3");
});

test("only a last expression has a result, also where it is null or false, and a silent cell has none", async () => {
  const session = new SessionProcess();
  expect((await session.run("for (let i = 0; i < 3; i++) i")).text).toBeUndefined();
  expect((await session.run("__kernel.last = (undefined)")).text).toBeUndefined();
  expect((await session.run("__kernel.last = (null)")).text).toBe("null");
  expect((await session.run("__kernel.last = (7)", { silent: true })).text).toBeUndefined();
  expect((await session.run("")).outcome).toEqual({ status: "ok" });
});

test("a cell that is sent twice runs once", async () => {
  const session = new SessionProcess();
  await session.run("let n = 0");
  const cell = session.start("n++");
  session.start("", { cell, code: "n++" });
  await session.result(cell);
  expect((await session.run("__kernel.last = (n)")).text).toBe("1");
});

test("names of Node and of the kernel may be declared: the session does not depend on them", async () => {
  const session = new SessionProcess();
  const names = [
    "URL",
    "Buffer",
    "process",
    "setTimeout",
    "setImmediate",
    "performance",
    "console",
    "queueMicrotask",
    "display",
    "require",
    "prompt",
  ];
  await session.run("let print = console.log, later = setTimeout");
  await session.run(`let ${names.map((name) => `${name} = 1`).join(", ")}`);
  const { outcome, stdout } = await session.run(
    "later(() => print('late'), 5); await new Promise((go) => later(go, 30)); print(URL + Buffer + process)",
  );
  expect(outcome).toEqual({ status: "ok" });
  expect(stdout).toBe("late\n3\n");
  const running = session.start("await __kernel.wait(new Promise(() => {}))");
  await session.interrupt();
  expect((await session.result(running)).outcome).toMatchObject({ ename: "KeyboardInterrupt" });
  expect((await session.run("console.x.y")).outcome).toMatchObject({ ename: "TypeError" });
});

test("user expressions have values and errors of their own", async () => {
  const session = new SessionProcess();
  const { values } = await session.run("let a = 2", {
    userExpressions: { twice: "a * 2", last: "__kernel.last = (a)", wrong: "nothing.x" },
  });
  expect(values.twice).toMatchObject({ status: "ok", data: { "text/plain": "4" } });
  expect(values.last).toMatchObject({ status: "ok", data: { "text/plain": "2" } });
  expect(values.wrong).toMatchObject({ status: "error", ename: "ReferenceError" });
});

test("a value with its own display shows that, also when it comes later, before the cell is done", async () => {
  const session = new SessionProcess();
  const own = `({ [Symbol.for("Jupyter.display")]: async () => { await new Promise((go) => setTimeout(go, 20)); return { "text/html": "<b>x</b>" } } })`;
  const { messages } = await session.run(`display(${own}); __kernel.last = ${own}`);
  expect(messages.map(({ kind }) => kind).sort()).toEqual(["display", "done", "result", "started"]);
  expect(messages.at(-1)!.kind).toBe("done");
  expect(messages).toContainEqual(expect.objectContaining({ kind: "result", data: { "text/html": "<b>x</b>" } }));
});

test("code that does not compile fails with the place", async () => {
  const session = new SessionProcess();
  await session.run("globalThis.early = 1; const fixed = 1");
  const { outcome } = await session.run("1;\nlet fixed = 2");
  expect(outcome).toMatchObject({ status: "error", ename: "SyntaxError", evalue: "Identifier 'fixed' has already been declared" });
});

test("a cell that a finished cell's value is forgotten with keeps nothing alive", async () => {
  const session = new SessionProcess();
  await session.run("let big = { a: new Array(1000).fill(1) }; let seen = new WeakRef(big); __kernel.last = (big)");
  await session.run("big = undefined; console.log('x', 1)");
  await session.run("await new Promise((go) => setTimeout(go, 50)); gc(); await new Promise((go) => setTimeout(go, 50)); gc()");
  expect((await session.run("__kernel.last = (seen.deref() === undefined)")).text).toBe("true");
});

test("a cell that never ends is safe from the garbage collector", async () => {
  const session = new SessionProcess();
  session.start("await new Promise(() => {})");
  expect((await session.run("for (let i = 0; i < 3; i++) { gc(); await new Promise((go) => setTimeout(go, 5)) }")).outcome.status).toBe(
    "ok",
  );
});

test("process.exit in a cell ends the process with its code, after what was printed", async () => {
  const session = new SessionProcess();
  const cell = session.start("console.log('last words'); process.exit(3)");
  expect(await session.ended).toBe(3);
  expect(session.printed(cell)).toBe("last words\n");
});

test("an empty cell takes less than a few milliseconds", async () => {
  const session = new SessionProcess();
  await session.run("");
  const times: number[] = [];
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    await session.run("");
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(`empty cell, with the test's own pipe: median ${times[25]!.toFixed(2)} ms`);
  expect(times[25]).toBeLessThan(20);
});
