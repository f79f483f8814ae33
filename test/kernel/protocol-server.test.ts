import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { FromSession, ToSession } from "../../src/kernel/messages.js";
import { fakeKernel, obedient } from "./protocol-fakes.js";

const done = (kernel: ReturnType<typeof fakeKernel>, id: string) =>
  expect.poll(() => kernel.story(id), { interval: 2 }).toContain("status idle");

describe("questions", () => {
  test("are answered while a cell runs, and the cell is shown busy again", async () => {
    const kernel = fakeKernel(obedient);
    const cell = kernel.ask("execute_request", { code: "wait" });
    await expect.poll(() => kernel.story(cell)).toContain("execute_input");
    for (const type of ["kernel_info", "complete", "inspect", "is_complete", "history", "comm_info", "connect"]) {
      const id = kernel.ask(`${type}_request`, { code: "x", hist_access_type: "tail" });
      await done(kernel, id);
      expect(kernel.story(id)).toEqual(["status busy", `${type}_reply`, "status idle"]);
      expect(kernel.reply(id)?.status).toBe(type === "is_complete" ? "incomplete" : "ok");
      expect(kernel.sent.at(-1)).toMatchObject({
        type: "status",
        content: { execution_state: "busy" },
        message: { parent: { msg_id: cell } },
      });
    }
    expect(kernel.reply(cell)).toBeUndefined();
  });

  test("a completion's place is counted in code points", async () => {
    const kernel = fakeKernel(obedient);
    const id = kernel.ask("complete_request", { code: "😀l", cursor_pos: 2 });
    await done(kernel, id);
    expect(kernel.reply(id)).toMatchObject({ matches: ["log"], cursor_start: 1, cursor_end: 2 });
  });

  test("what the kernel does not know is refused with an error", async () => {
    const kernel = fakeKernel(obedient);
    const debug = kernel.ask("debug_request", { type: "request", seq: 4, command: "attach" }, "control");
    const subshell = kernel.ask("create_subshell_request", {}, "control");
    const wrong = kernel.ask("history_request", { hist_access_type: "all" });
    const onControl = kernel.ask("execute_request", { code: "a" }, "control");
    for (const id of [debug, subshell, wrong, onControl]) await done(kernel, id);
    expect(kernel.reply(debug)).toMatchObject({ status: "error", type: "response", request_seq: 4, success: false, command: "attach" });
    expect(kernel.reply(subshell)).toMatchObject({ status: "error", ename: "NotImplementedError" });
    expect(kernel.reply(wrong)).toMatchObject({ status: "error", ename: "RangeError" });
    expect(kernel.reply(onControl)).toMatchObject({ status: "error" });
  });

  test("a shutdown is answered, with its restart flag, before the kernel ends", async () => {
    const kernel = fakeKernel(obedient);
    const id = kernel.ask("shutdown_request", { restart: true }, "control");
    expect(kernel.ended).toBe(true);
    await done(kernel, id);
    expect(kernel.reply(id)).toEqual({ status: "ok", restart: true });
  });
});

describe("comms", () => {
  test("reach the main thread at once, also while a cell runs, with their binary buffers", async () => {
    const heard: ToSession[] = [];
    const kernel = fakeKernel((message, say) => {
      heard.push(message);
      obedient(message, say);
    });
    const cell = kernel.ask("execute_request", { code: "wait" });
    await expect.poll(() => kernel.story(cell)).toContain("execute_input");
    const open = kernel.ask("comm_open", { comm_id: "c", target_name: "t", data: { a: 1 } }, "shell", [Buffer.from([0, 255])]);
    await done(kernel, open);
    expect(heard.at(-1)).toEqual({
      kind: "comm",
      cell: 2,
      message: { type: "open", commId: "c", target: "t", data: { a: 1 }, metadata: {}, buffers: [new Uint8Array([0, 255])] },
    });
    expect(kernel.story(open)).toEqual(["status busy", "status idle"]);
    expect(kernel.sent.at(-1)).toMatchObject({ content: { execution_state: "busy" }, message: { parent: { msg_id: cell } } });
    const info = kernel.ask("comm_info_request");
    const other = kernel.ask("comm_info_request", { target_name: "u" });
    await done(kernel, other);
    expect(kernel.reply(info)?.comms).toEqual({ c: { target_name: "t" } });
    expect(kernel.reply(other)?.comms).toEqual({});
  });

  test("of the main thread reach the clients, and their output names the message that caused it", async () => {
    const kernel = fakeKernel((message, say) => {
      if (message.kind !== "comm") return;
      const { cell } = message;
      say({ kind: "stream", cell, name: "stdout", text: "moved" });
      say({ kind: "comm", cell, message: { type: "message", commId: "c", data: { b: 2 }, metadata: {}, buffers: [new Uint8Array([1])] } });
      say({ kind: "handled", cell });
    });
    const id = kernel.ask("comm_msg", { comm_id: "c", data: {} });
    await done(kernel, id);
    expect(kernel.story(id)).toEqual(["status busy", "stream", "comm_msg", "status idle"]);
    expect(kernel.sent[2]).toMatchObject({ content: { comm_id: "c", data: { b: 2 } }, message: { buffers: [Buffer.from([1])] } });
  });
});

describe("a question to the user", () => {
  const asking = (say: (message: FromSession) => void, message: ToSession): void => {
    if (message.kind === "execute") say({ kind: "stream", cell: message.cell, name: "stdout", text: "hello" });
    if (message.kind === "execute") say({ kind: "input", cell: message.cell, prompt: "name?", password: true });
    if (message.kind === "interrupt") say({ kind: "acknowledged", id: message.id });
  };
  const state = (memory: SharedArrayBuffer): number => Atomics.load(new Int32Array(memory), 0);

  test("goes to the client of the cell, after what was printed, and the answer into the shared memory", async () => {
    const kernel = fakeKernel((message, say) => asking(say, message));
    const id = kernel.ask("execute_request", { code: "a" });
    await expect.poll(() => kernel.story(id)).toContain("input_request");
    expect(kernel.story(id).slice(2)).toEqual(["stream", "input_request"]);
    const question = kernel.sent.find(({ channel }) => channel === "stdin");
    expect(question).toMatchObject({ content: { prompt: "name?", password: true }, message: { identities: [Buffer.from("client")] } });
    kernel.ask("input_reply", { value: "Zoë" }, "stdin");
    expect(state(kernel.memory)).toBe(1);
    const length = new Int32Array(kernel.memory)[1]!;
    expect(Buffer.from(kernel.memory, 8, length).toString()).toBe("Zoë");
  });

  test("is refused where the client takes none, and ended by an interrupt; a late answer is dropped", async () => {
    const kernel = fakeKernel((message, say) => asking(say, message));
    kernel.ask("execute_request", { code: "a", allow_stdin: false });
    await expect.poll(() => state(kernel.memory)).toBe(3);

    const other = fakeKernel((message, say) => asking(say, message));
    const id = other.ask("execute_request", { code: "a" });
    await expect.poll(() => other.story(id)).toContain("input_request");
    other.ask("interrupt_request", {}, "control");
    expect(state(other.memory)).toBe(2);
    other.ask("input_reply", { value: "late" }, "stdin");
    await sleep(5);
    expect(state(other.memory)).toBe(2);
  });
});
