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

test("a comm message is handled in the name of its request, while a cell waits", async () => {
  const session = new SessionProcess();
  await session.run(
    `globalThis[Symbol.for("Jupyter.comms")].register("t", (comm) => comm.onMessage(({ data }) => console.log("got", data.x)))`,
  );
  session.start("await new Promise(() => {})");
  const message = { commId: "c", data: {}, metadata: {}, buffers: [] };
  session.post({ kind: "comm", cell: 900, message: { ...message, type: "open", target: "t" } });
  session.post({ kind: "comm", cell: 901, message: { ...message, type: "message", data: { x: 5 } } });
  await session.until((one) => one.kind === "handled" && one.cell === 901);
  expect(session.printed(901)).toBe("got 5\n");
});
