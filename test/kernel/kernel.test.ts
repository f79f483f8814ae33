import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dealer } from "zeromq";
import { startProcess } from "../../src/kernel/client/process.js";
import type { KernelClient } from "../../src/kernel/client.js";
import { decodeMessage, encodeMessage, newHeader } from "../../src/kernel/wire.js";
import { family, isAlive, launchCommand, runCell, startEqlab } from "./kernel-driver.js";

let kernel: KernelClient;
const answers: string[] = [];
const questions: { prompt: string; password: boolean }[] = [];

beforeAll(async () => {
  kernel = await startEqlab([], {
    onInput: (question) => {
      questions.push(question);
      return answers.shift() ?? "";
    },
  });
  await kernel.complete("Math.", 5);
  await runCell(kernel, "1 + 1"); // TypeScript is warm
});
afterAll(() => kernel?.shutdown());

const value = async (code: string): Promise<string | undefined> => (await runCell(kernel, code)).value;

describe("cells", () => {
  test("the last expression is the value, also behind a semicolon; statements and undefined have none", async () => {
    expect(await value("6 * 7")).toBe("42");
    expect(await value("6 * 7;")).toBe("42");
    expect(await value("undefined")).toBeUndefined();
    expect(await value("let quiet = 1")).toBeUndefined();
  });

  test("declarations are seen by later cells, can be made anew, and closures of earlier cells see it", async () => {
    await runCell(kernel, "let temperature = 0.7; const sample = () => temperature; class Model { size = 1 }; function f() { return 1; }");
    expect(await value("temperature = 1.5; sample()")).toBe("1.5");
    await runCell(kernel, "const temperature = 2; class Model { size = 2 }; function f() { return 2; }");
    expect(await value("[sample(), new Model().size, f()].join()")).toContain("2,2,2");
  });

  test("a failed cell keeps what it had declared", async () => {
    const { reply, stderr } = await runCell(kernel, "const big = await Promise.resolve(3);\nthrow new RangeError('too big');");
    expect(reply).toMatchObject({ status: "error", ename: "RangeError", evalue: "too big" });
    expect((reply.traceback as string[]).join("\n")).toContain(":2:");
    expect(stderr).toBe("");
    expect(await value("big")).toBe("3");
  });

  test("types are erased, modules imported, and a type error is shown while the cell runs", async () => {
    expect(await value("import { basename } from 'node:path';\nbasename('/a/b.ts' satisfies string)")).toContain("b.ts");
    const wrong = await runCell(kernel, "const text: string = 5;\nconsole.log(text)");
    expect(wrong.reply.status).toBe("ok");
    expect(wrong.stdout).toBe("5\n");
    expect(wrong.stderr).toContain("not assignable");
    const syntax = await runCell(kernel, "let = ;");
    expect(syntax.reply).toMatchObject({ status: "error", ename: "SyntaxError" });
  });

  test("count, history and user expressions follow the requests' flags", async () => {
    const { reply } = await runCell(kernel, "11 + 1", { userExpressions: { twice: "2 * 2", wrong: "nobody.home" } });
    expect(reply.user_expressions).toMatchObject({ twice: { status: "ok", data: { "text/plain": "4" } }, wrong: { status: "error" } });
    const silent = await runCell(kernel, "console.log('nothing'); 5", { silent: true });
    expect(silent.messages.map(({ header }) => header.msg_type)).toEqual(["status", "status"]);
    expect(silent.reply.execution_count).toBe(reply.execution_count);
    const history = await kernel.history({ hist_access_type: "search", pattern: "11 + ?", output: true });
    expect(history.history).toEqual([[1, reply.execution_count, ["11 + 1", "12"]]]);
  });

  test("a small cell takes a few milliseconds", async () => {
    const times: number[] = [];
    for (let i = 0; i < 30; i++) times.push((await runCell(kernel, `${i} + 1`)).milliseconds);
    console.log(`small cell: median ${times.sort((a, b) => a - b)[15]?.toFixed(1)} ms of ${times.length}`);
  });
});

describe("output", () => {
  test("100,000 lines in one turn arrive in order before idle", async () => {
    const { stdout, messages } = await runCell(kernel, "for (let i = 0; i < 100_000; i++) console.log(i)");
    expect(stdout === Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join("")).toBe(true);
    expect(messages.at(-1)?.content.execution_state).toBe("idle");
  });

  test("a string of 50 MB arrives whole, in several messages", async () => {
    const { stdout, messages } = await runCell(kernel, "process.stdout.write('0123456789'.repeat(5_000_000))");
    expect(stdout.length).toBe(50_000_000);
    expect(messages.length).toBeGreaterThan(10);
  });

  test("what a timer prints after the cell comes under the cell that started it", async () => {
    const late = new Promise<string | undefined>((found) => {
      kernel.onMessage(({ content, parent }) => {
        if (content.text === "late\n") found(parent.msg_id);
      });
    });
    const execution = kernel.execute("setTimeout(() => console.log('late'), 100)");
    await execution.reply;
    await runCell(kernel, "await new Promise((done) => setTimeout(done, 200))");
    expect(await late).toBe(execution.id);
  });

  test("displays carry every MIME type, and are updated by id", async () => {
    const { messages } = await runCell(
      kernel,
      "const place = display({ 'text/plain': 'a', 'text/html': '<b>a</b>' }, { raw: true });\nplace.update('b');\nclearOutput(true)",
    );
    const [shown, updated, cleared] = messages.filter(({ header }) => /display|clear/.test(header.msg_type));
    expect(shown?.content.data).toEqual({ "text/plain": "a", "text/html": "<b>a</b>" });
    expect(updated?.header.msg_type).toBe("update_display_data");
    expect(updated?.content.transient).toEqual(shown?.content.transient);
    expect(cleared?.content).toEqual({ wait: true });
  });
});

describe("questions", () => {
  test("prompt and password get the user's answers", async () => {
    answers.push("Ada", "s3cret");
    expect(await value("prompt('name? ') + ' ' + password('key? ')")).toContain("Ada s3cret");
    expect(questions.slice(-2)).toEqual([
      { prompt: "name? ", password: false },
      { prompt: "key? ", password: true },
    ]);
  });

  test("completion, inspection and completeness are answered, also while a cell runs", async () => {
    const running = kernel.execute("await new Promise((done) => setTimeout(done, 1500))");
    const started = performance.now();
    expect((await kernel.complete("'😀'.padSt")).matches).toEqual(["padStart"]);
    expect((await kernel.inspect("JSON.parse")).found).toBe(true);
    expect((await kernel.isComplete("function f() {")).status).toBe("incomplete");
    expect((await kernel.isComplete("foo)")).status).toBe("invalid");
    expect((await kernel.request("kernel_info_request", {}, { channel: "control" })).content.status).toBe("ok");
    expect(performance.now() - started).toBeLessThan(1400);
    expect((await running.reply).content.status).toBe("ok");
  });
});

describe("an interrupt", () => {
  const cases: { [name: string]: string } = {
    "a loop that computes": "let kept1 = 1; while (true) {}",
    "a loop that computes, after an await": "let kept1 = 1; await null; while (true) {}",
    "a loop that waits": "let kept1 = 1; for (;;) await new Promise((done) => setTimeout(done, 20))",
    "a wait for ever": "let kept1 = 1; await new Promise(() => {})",
    "a wait in a function":
      "let kept1 = 1; async function forever() { for (;;) await new Promise((done) => setTimeout(done, 5)); } await forever()",
    "a question": "let kept1 = 1; for (;;) prompt('again? ')",
  };
  for (const [name, code] of Object.entries(cases)) {
    test(`ends ${name} within a second; state is kept and the next cell runs`, async () => {
      const running = runCell(kernel, code);
      await sleep(300);
      const started = performance.now();
      await kernel.interrupt();
      const { reply } = await running;
      expect(performance.now() - started).toBeLessThan(1500); // 1,000 on a quiet machine
      expect(reply).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
      expect(await value("kept1")).toBe("1");
    });
  }

  test("runs finally blocks and leaves nothing going on", async () => {
    const code =
      "let steps = 0; let closed = false;\ntry { for (;;) { steps++; await new Promise((done) => setTimeout(done, 5)); } } finally { closed = true; }";
    const running = runCell(kernel, code);
    await sleep(200);
    await kernel.interrupt();
    await running;
    const before = await value("steps");
    await sleep(100);
    expect(await value("[closed, steps].join()")).toContain(`true,${before}`);
  });

  test("aborts the cells that wait behind it", async () => {
    const running = runCell(kernel, "await new Promise(() => {})");
    const waiting = kernel.execute("1");
    await sleep(100);
    await kernel.interrupt();
    expect((await running).reply.status).toBe("error");
    expect((await waiting.reply).content.status).toBe("aborted");
  });
});

describe("a client that takes questions but does not listen for them", () => {
  test("gets no answer instead of a kernel that waits for ever", async () => {
    const { connection, kill, ended } = await startProcess(launchCommand(), { folder: import.meta.dirname });
    const socket = new Dealer({ routingId: "deaf", linger: 0 });
    socket.connect(`tcp://127.0.0.1:${connection.shell_port}`);
    try {
      const content = { code: "const answer = prompt('who? ')", allow_stdin: true, user_expressions: { answer: "answer" } };
      const header = newHeader("execute_request", "s");
      await socket.send(encodeMessage({ identities: [], header, parent: {}, metadata: {}, content, buffers: [] }, connection.key));
      const reply = decodeMessage(await socket.receive(), connection.key);
      expect(reply.content).toMatchObject({ status: "ok", user_expressions: { answer: { data: { "text/plain": "null" } } } });
    } finally {
      socket.close();
      kill();
      await ended;
    }
  });
});

describe("messages that nobody may believe", () => {
  test("are dropped with a line in the log, and the kernel lives", async () => {
    let log = "";
    const onText = (text: string): void => {
      log += text;
    };
    const { connection, kill, ended } = await startProcess(launchCommand(), { folder: import.meta.dirname, onText });
    const socket = new Dealer({ routingId: "stranger", linger: 0 });
    socket.connect(`tcp://127.0.0.1:${connection.shell_port}`);
    const request = (type: string): Parameters<typeof encodeMessage>[0] => ({
      identities: [],
      header: newHeader(type, "s"),
      parent: {},
      metadata: {},
      content: { code: "process.exit(9)" },
      buffers: [],
    });
    try {
      await socket.send(["junk"]);
      await socket.send(["<IDS|MSG>", "", "{", "}", "", ""]);
      await socket.send(encodeMessage(request("execute_request"), "a wrong key"));
      const repeated = encodeMessage(request("kernel_info_request"), connection.key);
      await socket.send(repeated);
      await socket.send(repeated);
      const answers: string[] = [];
      for (let i = 0; i < 2; i++) {
        if (i === 1) await socket.send(encodeMessage(request("connect_request"), connection.key));
        const [, , header] = await socket.receive();
        answers.push((JSON.parse(String(header)) as { msg_type: string }).msg_type);
      }
      expect(answers).toEqual(["kernel_info_reply", "connect_reply"]);
      await expect.poll(() => log.match(/dropped/g)?.length).toBe(4);
      expect(log).toContain("expected a right signature");
      expect(log).toContain("repetition");
    } finally {
      socket.close();
      kill();
      await ended;
    }
  });
});

describe("the kernel's process", () => {
  test("process.exit in a cell ends it with that code, what was printed before arrives, and nothing is left", async () => {
    const other = await startEqlab();
    const pids = family(other.pid);
    let text = "";
    other.onMessage(({ content }) => {
      text += content.text ?? "";
    });
    await expect(other.execute("console.log('last words'); process.exit(7)").reply).rejects.toThrow("exit code 7");
    expect(text).toBe("last words\n");
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
    await other.shutdown();
  });

  test("a native crash ends the launcher too", async () => {
    const other = await startEqlab();
    const pids = family(other.pid);
    await expect(other.execute("process.abort()").reply).rejects.toThrow("SIGABRT");
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
    await other.shutdown();
  });

  test("running out of memory ends it", async () => {
    const other = await startEqlab([], {}, ["--max-old-space-size=150"]);
    const pids = family(other.pid);
    await expect(other.execute("const all: unknown[] = []; for (;;) all.push(new Array(1e4).fill(0.5))").reply).rejects.toThrow(
      "it ended with",
    );
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
    await other.shutdown();
  });

  test("SIGINT to the launcher interrupts a loop that computes; SIGTERM ends the kernel", async () => {
    const other = await startEqlab();
    const pids = family(other.pid);
    expect(pids.length).toBe(2);
    const running = runCell(other, "while (true) {}");
    await sleep(500);
    process.kill(other.pid, "SIGINT");
    expect((await running).reply.ename).toBe("KeyboardInterrupt");
    process.kill(other.pid, "SIGTERM");
    expect(await other.ended).toMatchObject({ code: 0, signal: null });
    await expect.poll(() => pids.filter(isAlive)).toEqual([]);
    await other.shutdown();
  });

  test("a shutdown ends a kernel whose cell computes for ever, and answers first", async () => {
    const other = await startEqlab();
    other.execute("while (true) {}").reply.catch(() => {});
    await sleep(300);
    const { content } = await other.request("shutdown_request", { restart: true }, { channel: "control" });
    expect(content).toEqual({ status: "ok", restart: true });
    expect(await other.ended).toMatchObject({ code: 0 });
    await other.shutdown();
  });

  test("it dies with the launcher, and the launcher with whoever started it", async () => {
    const other = await startEqlab();
    const pids = family(other.pid);
    process.kill(other.pid, "SIGKILL");
    await expect.poll(() => pids.filter(isAlive), { timeout: 3000 }).toEqual([]);
    await other.shutdown();

    const script = `import { startEqlab } from ${JSON.stringify(resolve(import.meta.dirname, "kernel-parent.mjs"))}; await startEqlab();`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [text] = await new Promise<[Buffer]>((heard) => parent.stdout.once("data", (bytes: Buffer) => heard([bytes])));
    const orphans = family(Number(text));
    expect(orphans.length).toBe(2);
    parent.kill("SIGKILL");
    await expect.poll(() => orphans.filter(isAlive), { timeout: 5000 }).toEqual([]);
  });
});
