import { expect, test } from "vitest";
import { SessionProcess, sleep } from "./session-process.js";

test("100,000 lines in one turn arrive, in order, in few messages", async () => {
  const session = new SessionProcess();
  const { stdout, messages, text } = await session.run(
    "const start = performance.now(); for (let i = 0; i < 100000; i++) console.log('line', i); __kernel.last = (performance.now() - start)",
  );
  console.log(`100,000 lines: ${text} ms on the main thread, ${messages.length} messages`);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.length).toBe(100_000);
  expect(lines.every((line, i) => line === `line ${i}`)).toBe(true);
  expect(messages.length).toBeLessThan(200);
});

test("a string of 50 MB arrives", async () => {
  const session = new SessionProcess();
  const { stdout } = await session.run("console.log('x'.repeat(50e6))");
  expect(stdout.length).toBe(50e6 + 1);
});

test("stdout and stderr keep their order, and displays theirs among them", async () => {
  const session = new SessionProcess();
  const { messages } = await session.run(`
    console.log("a"); console.error("b"); process.stdout.write("c"); display("d"); process.stderr.write(Buffer.from("é"));
  `);
  const seen = messages.map((message) => (message.kind === "stream" ? `${message.name} ${message.text.trim()}` : message.kind));
  expect(seen).toEqual(["started", "stdout a", "stderr b", "stdout c", "display", "stderr é", "done"]);
});

test("a loop that never gives way is heard while it runs", async () => {
  const session = new SessionProcess();
  const cell = session.start("console.log('early'); for (const end = Date.now() + 1500; Date.now() < end;) console.log('x')");
  await session.until((message) => message.kind === "stream");
  expect(session.of(cell).some(({ kind }) => kind === "done")).toBe(false);
  await session.result(cell);
});

test("output of a timer belongs to the cell that started it", async () => {
  const session = new SessionProcess();
  const first = await session.run("setTimeout(() => console.log('late'), 60); console.log('now')");
  const second = await session.run("await new Promise((go) => setTimeout(go, 120)); console.log('second')");
  expect(session.printed(first.cell)).toBe("now\nlate\n");
  expect(second.stdout).toBe("second\n");
});

test("what a cell writes callbacks for is called back, and bytes split between writes are put together", async () => {
  const session = new SessionProcess();
  const { stdout } = await session.run(`
    const bytes = Buffer.from("ü");
    process.stdout.write(bytes.subarray(0, 1)); process.stdout.write(bytes.subarray(1));
    await new Promise((go) => process.stdout.write("!", go));
    await new Promise((go) => process.stdout.write("?", "utf8", go));
  `);
  expect(stdout).toBe("ü!?");
});

test("a prompt blocks until it is answered; interrupted, the cell ends; where no input is allowed, it is null", async () => {
  const session = new SessionProcess();
  const asked = session.start("console.log('first'); __kernel.last = ([prompt('name?'), password('secret?'), confirm('sure?')].join())");
  const question = async (prompt: string): Promise<unknown> =>
    session.until((message) => message.kind === "input" && message.prompt.startsWith(prompt));
  expect(await question("name?")).toMatchObject({ password: false, cell: asked });
  session.post({ kind: "answer", state: 1, text: "Zoë" });
  expect(await question("secret?")).toMatchObject({ password: true });
  session.post({ kind: "answer", state: 1, text: "s" });
  await question("sure?");
  session.post({ kind: "answer", state: 1, text: "yes" });
  expect((await session.result(asked)).text).toBe("Zoë,s,true");

  const stopped = session.start("prompt('again?')");
  await question("again?");
  session.post({ kind: "answer", state: 2, text: "" });
  expect((await session.result(stopped)).outcome).toMatchObject({ ename: "KeyboardInterrupt" });

  expect((await session.run("__kernel.last = (prompt('x'))", { allowStdin: false })).text).toBe("null");
});

test("a termination ends a prompt", async () => {
  const session = new SessionProcess();
  const cell = session.start("prompt('?')");
  await session.until(({ kind }) => kind === "input");
  session.post({ kind: "terminate" });
  expect((await session.result(cell)).outcome).toMatchObject({ ename: "KeyboardInterrupt" });
  expect((await session.run("__kernel.last = (1)")).text).toBe("1");
  await sleep(1);
});

test("what a comm's handler prints and shows belongs to the cell that registered it, also later and while another cell waits", async () => {
  const session = new SessionProcess();
  const first = await session.run(`
    globalThis[Symbol.for("Jupyter.comms")].register("t", (comm) => comm.onMessage(async ({ data }) => {
      console.log("got", data.x);
      setTimeout(() => console.log("later"), 5);
      await new Promise((go) => setTimeout(go, 10));
      display("shown");
      comm.send("back");
      throw new Error("mine");
    }))`);
  const waiting = session.start("await new Promise(() => {})");
  const message = { commId: "c", data: {}, metadata: {}, buffers: [] };
  session.post({ kind: "comm", cell: 900, message: { ...message, type: "open", target: "t" } });
  session.post({ kind: "comm", cell: 901, message: { ...message, type: "message", data: { x: 5 } } });
  await session.until((one) => one.kind === "handled" && one.cell === 901);
  expect(session.printed(first.cell)).toBe("got 5\nlater\n");
  const kinds = session.of(first.cell).map(({ kind }) => kind);
  expect([...new Set(kinds.slice(kinds.indexOf("done") + 1))]).toEqual(["stream", "display", "error"]);
  expect(session.of(901).map(({ kind }) => kind)).toEqual(["comm", "handled"]);
  expect(session.of(waiting).map(({ kind }) => kind)).toEqual(["started"]);
});

test("an interrupt ends a comm's handler, whose signal is its own, and the cell that registered it goes on to hear", async () => {
  const session = new SessionProcess();
  const first = await session.run(`
    globalThis[Symbol.for("Jupyter.comms")].register("t", (comm) => comm.onMessage(async ({ data }) => {
      const signal = globalThis[Symbol.for("Jupyter.signal")];
      try {
        if (data.x === 1) await __kernel.wait(new Promise(() => {}));
      } finally {
        console.log("end of", data.x, signal.aborted);
      }
    }))`);
  const message = { commId: "c", data: {}, metadata: {}, buffers: [] };
  session.post({ kind: "comm", cell: 900, message: { ...message, type: "open", target: "t" } });
  session.post({ kind: "comm", cell: 901, message: { ...message, type: "message", data: { x: 1 } } });
  await sleep(50);
  await session.interrupt();
  await session.until((one) => one.kind === "handled" && one.cell === 901);
  session.post({ kind: "comm", cell: 902, message: { ...message, type: "message", data: { x: 2 } } });
  await session.until((one) => one.kind === "handled" && one.cell === 902);
  expect(session.printed(first.cell)).toBe("end of 1 true\nend of 2 false\n");
});

test("callbacks of widgets print in the cell that gave them, whoever moves the widget", async () => {
  const session = new SessionProcess();
  const made = await session.run("globalThis.t = widgets.slider({ min: 0, max: 10, step: 1 }); __kernel.last = t.id");
  const heard = await session.run("t.onChange((value) => console.log('value', value))");
  const id = String(made.text).replaceAll("'", "");
  const data = { method: "update", state: { value: 3 }, buffer_paths: [] };
  session.post({ kind: "comm", cell: 900, message: { type: "message", commId: id, data, metadata: {}, buffers: [] } });
  await session.until((one) => one.kind === "handled" && one.cell === 900);
  await session.run("t.value = 4");
  expect(session.printed(heard.cell)).toBe("value 3\nvalue 4\n");
});

test("what interact draws is an output of the cell that shows it, there before the cell is done, and what its callback prints goes there", async () => {
  const session = new SessionProcess();
  const code = `
    globalThis.T = widgets.slider({ min: 0, max: 10, step: 1, value: 1 });
    __kernel.last = widgets.interact({ T }, async ({ T }) => { await null; console.log("drawing", T); return "T is " + T });`;
  const { cell, messages } = await session.run(code);
  const outputs = messages.filter(({ kind }) => kind === "display" || kind === "result" || kind === "done");
  expect(outputs).toMatchObject([
    { kind: "display", update: false },
    { kind: "display", data: { "text/plain": "T is 1" } },
    { kind: "done" },
  ]);
  const { displayId } = outputs[1] as { displayId?: string };
  const { text } = await session.run("__kernel.last = T.id");
  const data = { method: "update", state: { value: 3 }, buffer_paths: [] };
  const commId = String(text).replaceAll("'", "");
  session.post({ kind: "comm", cell: 900, message: { type: "message", commId, data, metadata: {}, buffers: [] } });
  const moved = await session.until((one) => one.kind === "display" && one.update);
  expect(moved).toMatchObject({ cell, displayId, data: { "text/plain": "T is 3" } });
  expect(session.printed(cell)).toBe("drawing 1\ndrawing 3\n");
});
