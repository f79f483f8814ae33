import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { CellDiagnostic } from "../../src/kernel/messages.js";
import { fakeKernel, obedient } from "./protocol-fakes.js";

const diagnostic = (message: string): CellDiagnostic => ({
  category: "error",
  code: 2322,
  message,
  line: 1,
  column: 5,
  endLine: 1,
  endColumn: 6,
});

const replied = (kernel: ReturnType<typeof fakeKernel>, id: string) =>
  expect.poll(() => kernel.story(id).at(-1), { interval: 2 }).toBe("status idle");

describe("a cell's messages", () => {
  test("come in the protocol's order, with the request as their parent", async () => {
    const kernel = fakeKernel(obedient);
    const id = kernel.ask("execute_request", { code: "a" });
    await replied(kernel, id);
    const iopub = kernel.story(id).filter((type) => type !== "execute_reply");
    expect(iopub).toEqual(["status busy", "execute_input", "stream", "execute_result", "status idle"]);
    expect(kernel.reply(id)).toEqual({ status: "ok", execution_count: 1, user_expressions: {}, payload: [] });
  });

  test("run one after the other, each with its own output", async () => {
    const kernel = fakeKernel(obedient);
    const ids = ["a", "b", "c"].map((code) => kernel.ask("execute_request", { code }));
    await replied(kernel, ids[2]!);
    const inputs = kernel.sent.filter(({ type }) => type === "status").map(({ message }) => ids.indexOf(message.parent.msg_id!));
    expect(inputs).toEqual([0, 0, 1, 1, 2, 2]);
    const texts = kernel.sent
      .filter(({ type }) => type === "stream")
      .map(({ content, message }) => [content.text, ids.indexOf(message.parent.msg_id!)]);
    expect(texts).toEqual([
      ["a\n", 0],
      ["b\n", 1],
      ["c\n", 2],
    ]);
  });

  test("a silent one says nothing but busy and idle, and neither counts nor is remembered", async () => {
    const kernel = fakeKernel(obedient);
    const silent = kernel.ask("execute_request", { code: "a", silent: true });
    const unstored = kernel.ask("execute_request", { code: "b", store_history: false });
    const counted = kernel.ask("execute_request", { code: "c" });
    await replied(kernel, counted);
    const history = kernel.ask("history_request", { hist_access_type: "tail", n: 10, output: true });
    await replied(kernel, history);
    expect(kernel.story(silent)).toEqual(["status busy", "execute_reply", "status idle"]);
    expect(kernel.reply(unstored)?.execution_count).toBe(1);
    expect(kernel.reply(counted)?.execution_count).toBe(1);
    expect(kernel.reply(history)?.history).toEqual([[1, 1, ["c", "c"]]]);
  });

  test("user expressions are answered by name, a wrong one with its error", async () => {
    const kernel = fakeKernel(obedient);
    const id = kernel.ask("execute_request", { code: "a", user_expressions: { right: "1", wrong: "(" } });
    await replied(kernel, id);
    expect(kernel.reply(id)?.user_expressions).toMatchObject({ right: { status: "ok" }, wrong: { status: "error", ename: "SyntaxError" } });
  });

  test("a request without code is answered with an error, and the next one runs", async () => {
    const kernel = fakeKernel(obedient);
    const bad = kernel.ask("execute_request", { code: 7 });
    const good = kernel.ask("execute_request", { code: "a" });
    await replied(kernel, good);
    expect(kernel.reply(bad)).toMatchObject({ status: "error", ename: "TypeError" });
    expect(kernel.reply(good)?.status).toBe("ok");
  });
});

describe("an error", () => {
  test("aborts what waits, and only that", async () => {
    const kernel = fakeKernel(obedient);
    const failing = kernel.ask("execute_request", { code: "throw" });
    const waiting = kernel.ask("execute_request", { code: "a" });
    await replied(kernel, waiting);
    const later = kernel.ask("execute_request", { code: "b" });
    await replied(kernel, later);
    expect(kernel.reply(failing)).toMatchObject({ status: "error", ename: "Error", evalue: "thrown", traceback: ["Error: thrown"] });
    expect(kernel.story(failing)).toEqual(["status busy", "execute_input", "error", "execute_reply", "status idle"]);
    expect(kernel.reply(waiting)?.status).toBe("aborted");
    expect(kernel.story(waiting).sort()).toEqual(["execute_reply", "status busy", "status idle"]);
    expect(kernel.reply(later)?.status).toBe("ok");
  });

  test("aborts nothing where stop_on_error is false", async () => {
    const kernel = fakeKernel(obedient);
    kernel.ask("execute_request", { code: "throw", stop_on_error: false });
    const waiting = kernel.ask("execute_request", { code: "a" });
    await replied(kernel, waiting);
    expect(kernel.reply(waiting)?.status).toBe("ok");
  });
});

describe("types", () => {
  test("a syntax error stops the cell, with a mark at the place", async () => {
    const kernel = fakeKernel(obedient, { transform: () => ({ kind: "syntax", diagnostics: [diagnostic("';' expected.")] }) });
    const id = kernel.ask("execute_request", { code: "let 1" });
    await replied(kernel, id);
    const { ename, evalue, traceback } = kernel.reply(id) as { ename: string; evalue: string; traceback: string[] };
    expect([ename, evalue]).toEqual(["SyntaxError", "';' expected. (line 1, column 5)"]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    expect(traceback.map((line) => line.replace(/\u001b\[\d+m/g, "")).slice(1)).toEqual([
      "line 1, column 5 - error TS2322: ';' expected.",
      "1 let 1",
      "      ~",
    ]);
  });

  test("a type error is shown on stderr before idle, and the cell runs", async () => {
    const check = async (): Promise<CellDiagnostic[]> => {
      await sleep(30);
      return [diagnostic("not a number")];
    };
    const kernel = fakeKernel(obedient, { check });
    const id = kernel.ask("execute_request", { code: "a" });
    await replied(kernel, id);
    expect(kernel.reply(id)?.status).toBe("ok");
    const errors = kernel.sent.filter(({ content }) => content.name === "stderr");
    expect(errors).toHaveLength(1);
    expect(errors[0]?.content.text).toContain("not a number");
    expect(kernel.story(id).at(-1)).toBe("status idle");
  });

  test("in strict mode, or by the cell's first line, it stops the cell", async () => {
    const check = (): CellDiagnostic[] => [diagnostic("not a number")];
    const strict = fakeKernel(obedient, { check }, true);
    const loose = fakeKernel(obedient, { check });
    const [byOption, excepted] = ["a", "// @loose\na"].map((code) => strict.ask("execute_request", { code, stop_on_error: false }));
    const byLine = loose.ask("execute_request", { code: "// @strict\na" });
    await replied(strict, excepted!);
    await replied(loose, byLine);
    expect(strict.reply(byOption!)).toMatchObject({ status: "error", ename: "TypeScriptError" });
    expect(strict.story(byOption!)).not.toContain("stream");
    expect(strict.reply(excepted!)?.status).toBe("ok");
    expect(loose.reply(byLine)?.status).toBe("error");
  });
});

describe("an interrupt", () => {
  test("ends a cell that never answers, and the next one runs", async () => {
    const kernel = fakeKernel(obedient);
    const id = kernel.ask("execute_request", { code: "wait" });
    await expect.poll(() => kernel.story(id)).toContain("execute_input");
    const asked = kernel.ask("interrupt_request", {}, "control");
    await replied(kernel, asked);
    await expect.poll(() => kernel.reply(id), { timeout: 1000 }).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
    const next = kernel.ask("execute_request", { code: "a" });
    await replied(kernel, next);
    expect(kernel.reply(next)?.status).toBe("ok");
  });

  test("ends a cell that TypeScript is still busy with; it is not run later", async () => {
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const kernel = fakeKernel(obedient, { transform: (code) => held.then(() => ({ kind: "code", code, map: "" })) });
    const id = kernel.ask("execute_request", { code: "a" });
    kernel.ask("interrupt_request", {}, "control");
    await expect.poll(() => kernel.reply(id), { timeout: 1000 }).toMatchObject({ ename: "KeyboardInterrupt" });
    go();
    await sleep(20);
    expect(kernel.story(id)).not.toContain("stream");
  });
});
