import { expect, test } from "vitest";
import { SessionProcess, sleep } from "./session-process.js";

const sleepCode = "const sleep = (ms) => new Promise((go) => setTimeout(go, ms));";

/** Interrupts the cell, and checks that it ends within a second, that state is kept and that the next cell works. */
async function stops(code: string, { before = "let kept = 41;", wait = 150 } = {}): Promise<{ session: SessionProcess; cell: number }> {
  const session = new SessionProcess();
  await session.run(`${before} globalThis.sleep = (ms) => new Promise((go) => setTimeout(go, ms))`);
  const cell = session.start(code);
  await session.until((message) => message.kind === "started" && message.cell === cell);
  await sleep(wait);
  const start = performance.now();
  await session.interrupt();
  const { outcome } = await session.result(cell);
  expect(performance.now() - start).toBeLessThan(1000);
  expect(outcome).toMatchObject({ status: "error", ename: "KeyboardInterrupt", evalue: "Interrupted" });
  expect((await session.run("await __kernel.wait(sleep(5)); __kernel.last = (kept + 1)")).text).toBe("42");
  return { session, cell };
}

const cases: { [name: string]: string } = {
  "a loop": "while (true) {}",
  "a loop after an await": "await __kernel.wait(1); while (true) {}",
  "a loop after a timer": "await __kernel.wait(sleep(5)); while (true) {}",
  "a loop in a timer's callback": "setTimeout(() => { while (true) {} }, 1); await __kernel.wait(sleep(1e6))",
  "a loop in an immediate": "setImmediate(() => { while (true) {} }); await __kernel.wait(sleep(1e6))",
  "a loop in a tick": "process.nextTick(() => { while (true) {} }); await __kernel.wait(sleep(1e6))",
  "a loop of microtasks": "while (true) await __kernel.wait(null)",
  "a loop that prints": "while (true) console.log('x')",
  "a loop that catches all": "while (true) { try { while (true) {} } catch {} }",
  "a loop that waits": "while (true) await __kernel.wait(sleep(10))",
  "a wait without end": "await __kernel.wait(new Promise(() => {}))",
  "a wait for a library's timer": "await __kernel.wait(require('node:timers/promises').setTimeout(1e6))",
};

for (const [name, code] of Object.entries(cases)) {
  test(`an interrupt stops ${name}`, async () => {
    await stops(code);
  });
}

test("an interrupt runs finally blocks, which may still await", async () => {
  const { session, cell } = await stops(
    "try { await __kernel.wait(new Promise(() => {})) } finally { await __kernel.wait(sleep(20)); console.log('closed') }",
  );
  expect(session.printed(cell)).toBe("closed\n");
});

test("an interrupt clears the cell's timers, aborts its signal, and leaves those of other cells", async () => {
  const session = new SessionProcess();
  await session.run("globalThis.ticks = []; globalThis.other = setInterval(() => ticks.push('other'), 5)");
  const cell = session.start(`
    setInterval(() => ticks.push("mine"), 5);
    globalThis[Symbol.for("Jupyter.signal")].addEventListener("abort", () => console.log("aborted"));
    await __kernel.wait(new Promise(() => {}));
  `);
  await sleep(100);
  await session.interrupt();
  await session.result(cell);
  expect(session.printed(cell)).toBe("aborted\n");
  await session.run("ticks.length = 0");
  await sleep(50);
  const { text } = await session.run("clearInterval(other); __kernel.last = ([...new Set(ticks)].join())");
  expect(text).toBe("other");
});

test("an interrupt with no cell running stops what goes on in the background", async () => {
  const session = new SessionProcess();
  await session.run(`${sleepCode} globalThis.turns = 0; (async () => { for (;;) { await __kernel.wait(sleep(2)); turns++ } })(); 0`);
  await sleep(50);
  await session.interrupt();
  await session.run("globalThis.before = turns");
  await sleep(50);
  expect((await session.run("__kernel.last = (turns - before)")).text).toBe("0");
  expect(session.messages.filter(({ kind }) => kind === "error")).toEqual([]);
});

test("a background loop that catches everything ends too", async () => {
  const session = new SessionProcess();
  await session.run("");
  const cell = session.start(
    `${sleepCode} for (;;) { try { await __kernel.wait(sleep(5)) } catch { globalThis.caught = (globalThis.caught ?? 0) + 1 } }`,
  );
  await sleep(100);
  await session.interrupt();
  expect((await session.result(cell)).outcome).toMatchObject({ ename: "KeyboardInterrupt" });
  await sleep(300);
  await session.run("globalThis.before = caught");
  await sleep(100);
  expect((await session.run("__kernel.last = (caught - before)")).text).toBe("0");
});

test("for await closes a generator of a library when it is interrupted, at the end of its step", async () => {
  const session = new SessionProcess();
  await session.run("");
  const cell = session.start(`
    const native = require("node:timers/promises").setTimeout;
    globalThis.closed = 0;
    async function* steps() { try { for (;;) { await new Promise((go) => globalThis.later = go); yield 1 } } finally { closed++ } }
    for await (const step of __kernel.iterate(steps())) {}
  `);
  await sleep(100);
  await session.interrupt();
  expect((await session.result(cell)).outcome).toMatchObject({ ename: "KeyboardInterrupt" });
  expect((await session.run("later(); await null; await new Promise(setImmediate); __kernel.last = (closed)")).text).toBe("1");
});

test("for await over lists, promises and generators gives what it gives without the kernel", async () => {
  const session = new SessionProcess();
  const { text, outcome } = await session.run(`
    const seen = [];
    for await (const x of __kernel.iterate([1, Promise.resolve(2)])) seen.push(x);
    async function* made() { try { yield 3; yield 4 } finally { seen.push("closed") } }
    for await (const x of __kernel.iterate(made())) { seen.push(x); break }
    __kernel.last = (seen.join());
  `);
  expect(outcome.status).toBe("ok");
  expect(text).toBe("1,2,3,closed");
});

test("many interrupted cells leave a session that works, with its memory and its contexts", async () => {
  const session = new SessionProcess();
  const kinds = Object.values(cases);
  await session.run("globalThis.sleep = (ms) => new Promise((go) => setTimeout(go, ms))");
  for (let round = 0; round < 8; round++) {
    const cell = session.start(kinds[round % kinds.length]!);
    await sleep(60);
    await session.interrupt();
    await session.result(cell);
    const next = await session.run(`setTimeout(() => console.log("of ${round}"), 5); gc(); await sleep(20)`);
    expect(next.stdout).toBe(`of ${round}\n`);
  }
});

test("a first drawing of interact that never ends is interrupted, the next cell is done, and the slider draws again", async () => {
  const session = new SessionProcess();
  const first = session.start(`
    globalThis.T = widgets.slider({ min: 0, max: 10, step: 1, value: 1 });
    __kernel.last = widgets.interact({ T }, async ({ T }) => { await new Promise((go) => setTimeout(go, 20)); while (T === 1); return "T is " + T });`);
  await session.until((one) => one.kind === "display");
  await sleep(50);
  await session.interrupt();
  expect((await session.result(first)).outcome).toMatchObject({ ename: "KeyboardInterrupt" });
  await session.run("T.value = 2; await new Promise((go) => setTimeout(go, 60))");
  const drawings = session.messages.flatMap((one) => (one.kind === "display" && one.displayId?.startsWith("drawing") ? [one] : []));
  expect(drawings.map(({ data, cell }) => [String(data["text/plain"]).split("\n")[0], cell])).toEqual([
    ["Error: Interrupted", first],
    ["T is 2", first],
  ]);
});
