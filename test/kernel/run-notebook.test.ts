import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KernelDied } from "../../src/kernel/client.js";
import { type Cell, type CodeCell, type Notebook, readNotebook } from "../../src/kernel/notebook/file.js";
import { CellFailed, type RunOptions, type RunSummary, runNotebook } from "../../src/kernel/run-notebook.js";
import { temporaryFolder } from "../temporary-folder.js";
import { fakeCommand } from "./fake.js";

const code = (source: string, ...tags: string[]): CodeCell => {
  return { cell_type: "code", id: "x", source, metadata: tags.length > 0 ? { tags } : {}, execution_count: 9, outputs: [] };
};
const print = (text: string): string => `send("stream", { name: "stdout", text: ${JSON.stringify(text)} })`;

/** Runs cells in the fake kernel; what is left on the disk is the notebook. */
async function runCells(cells: Cell[], options: Partial<RunOptions> = {}) {
  const folder = temporaryFolder();
  const target = join(folder, "deep", "out.ipynb");
  const notebook: Notebook = { nbformat: 4, nbformat_minor: 5, metadata: { widgets: { old: 1 } }, cells };
  const kernelspec = { name: "fake", display_name: "Fake", language: "typescript" };
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line.trim());
  const result = await runNotebook(notebook, { command: fakeCommand, kernelspec, folder, target, say, ...options }).catch((e: Error) => e);
  const saved = await readNotebook(target);
  expect(readdirSync(join(folder, "deep"))).toEqual(["out.ipynb"]);
  const texts = saved.cells.map((cell) => (cell.cell_type === "code" ? cell.outputs.map(textOf).join("|") : ""));
  return { result, saved, texts, lines, folder };
}

function textOf(output: CodeCell["outputs"][number]): string {
  if (output.output_type === "error") return `${output.ename}: ${output.evalue}`;
  return output.output_type === "stream"
    ? String((output.text as string[]).join(""))
    : String((output.data["text/plain"] as string[]).join(""));
}

describe("a notebook's run", () => {
  it("fills in outputs, counts and metadata, and tells its progress", async () => {
    const markdown: Cell = { cell_type: "markdown", id: "m", source: "# Title", metadata: {} };
    const result = await runCells([markdown, code(print("one\n")), code("  "), code(print("two\n"))]);
    expect(result.result).toMatchObject({ cells: 2, failed: 0 } satisfies Partial<RunSummary>);
    expect(result.texts).toEqual(["", "one\n", "", "two\n"]);
    expect(result.saved.cells.map((cell) => (cell as CodeCell).execution_count)).toEqual([undefined, 1, 9, 2]);
    expect(result.saved.metadata).toEqual({
      kernelspec: { name: "fake", display_name: "Fake", language: "typescript" },
      language_info: { name: "typescript", file_extension: ".ts" },
    });
    expect(Object.keys((result.saved.cells[1] as CodeCell).metadata.execution as object).sort()).toEqual([
      "iopub.execute_input",
      "iopub.status.busy",
      "iopub.status.idle",
      "shell.execute_reply",
    ]);
    expect(result.lines.map((line) => line.replace(/\[.*\]/, "[]"))).toEqual([
      `[] cell 1: ${print("one\n")}`,
      "one",
      `[] cell 3: ${print("two\n")}`,
      "two",
    ]);
  });

  it("stops at the first error, with the output saved and no later cell's", async () => {
    const { result, texts } = await runCells([
      code(print("before")),
      code(`${print("here")}; throw new RangeError("no such thing")`),
      code(print("no")),
    ]);
    expect(result).toBeInstanceOf(CellFailed);
    expect((result as Error).message).toBe("cell 1 failed.\nRangeError: no such thing");
    expect(texts).toEqual(["before", "here|RangeError: no such thing", ""]);
  });

  it("reports a failure without a reason with what the cell printed", async () => {
    const { result } = await runCells([code(`send("stream", { name: "stderr", text: "TypeError: x\\n" }); return { status: "error" }`)]);
    expect((result as Error).message).toBe("cell 0 failed.\nTypeError: x");
  });

  it("goes on after an error that is expected or allowed", async () => {
    const cells = () => [code(`throw new Error("expected")`, "raises-exception"), code(print("after"))];
    expect((await runCells(cells())).texts).toEqual(["Error: expected", "after"]);
    const { result, texts } = await runCells([code(`throw new Error("a")`), code(print("after"))], { allowErrors: true });
    expect(result).toMatchObject({ cells: 2, failed: 1 });
    expect(texts).toEqual(["Error: a", "after"]);
  });

  it("leaves a cell alone that is to be skipped", async () => {
    const kept = code(print("no"), "skip-execution");
    kept.outputs = [{ output_type: "stream", name: "stdout", text: ["from before"] }];
    expect((await runCells([kept])).texts).toEqual(["from before"]);
  });

  it("asks again where the kernel was still refusing cells", async () => {
    const refuseOnce = `globalThis.asked = (globalThis.asked ?? 0) + 1; if (asked === 1) return { status: "aborted" }; ${print("done")}`;
    expect((await runCells([code(refuseOnce)])).texts).toEqual(["done"]);
  });

  it("interrupts a cell that takes too long, keeps its output and fails", async () => {
    const { result, texts } = await runCells(
      [code(`${print("started")}; await interrupted; throw new Error("Interrupted")`), code(print("no"))],
      {
        timeoutSeconds: 0.5,
      },
    );
    expect((result as Error).message).toBe("cell 0: expected it to end within 0.5 s, it was interrupted. Raise --timeout.");
    expect(texts).toEqual(["started|Error: Interrupted", ""]);
  });

  it("ends a kernel that does not stop", async () => {
    const began = performance.now();
    const { result } = await runCells([code("await sleep(1e6)")], { timeoutSeconds: 0.3 });
    expect((result as Error).message).toMatch(/did not stop 5 s after its interrupt; the kernel was ended/);
    expect(performance.now() - began).toBeLessThan(12_000);
  });

  it("saves what there is when it is interrupted itself", async () => {
    const controller = new AbortController();
    const { result, texts } = await runCells([code(`${print("as far as this\n")}; await interrupted`), code(print("no"))], {
      signal: controller.signal,
      say: (line) => line.includes("as far") && !line.includes("cell") && controller.abort(),
    });
    expect((result as Error).name).toBe("AbortError");
    expect(texts).toEqual(["as far as this\n", ""]);
  });

  it("gives up a start when it is interrupted", async () => {
    const command = { ...fakeCommand, argv: [...fakeCommand.argv, "60000"] };
    const { result } = await runCells([code("1")], { command, signal: AbortSignal.timeout(500) });
    expect((result as Error).name).toBe("TimeoutError");
  });

  it("saves what there is when the kernel dies", async () => {
    const { result, texts } = await runCells([code(`await ${print("last")}; await sleep(100); process.exit(9)`)]);
    expect(result).toBeInstanceOf(KernelDied);
    expect((result as Error).message).toContain("exit code 9");
    expect(texts).toEqual(["last"]);
  });

  it("saves while it runs", async () => {
    const look = `for (;;) { await sleep(50); const text = process.getBuiltinModule("fs").readFileSync("deep/out.ipynb", "utf8");
      if (text.includes("halfway")) { send("stream", { name: "stdout", text: "seen" }); break; } }`;
    const { texts } = await runCells([code(`send("stream", { name: "stdout", text: "half" + "way " }); ${look}`)], { saveSeconds: 0.2 });
    expect(texts).toEqual(["halfway seen"]);
  });

  it("keeps the state of widgets", async () => {
    const state = { _model_name: "IntSliderModel", _model_module: "@jupyter-widgets/controls", _model_module_version: "2.0.0", value: 3 };
    const open = { comm_id: "w", target_name: "jupyter.widget", data: { state } };
    const { saved } = await runCells([code(`send("comm_open", ${JSON.stringify(open)})`)]);
    expect(saved.metadata.widgets).toMatchObject({
      "application/vnd.jupyter.widget-state+json": { state: { w: { state: { value: 3 } } } },
    });
  });

  it("fails before a kernel is started where it cannot save", async () => {
    const folder = temporaryFolder();
    const notebook: Notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [code(`1`)] };
    const options = { command: { argv: ["/no/such"] }, kernelspec: { name: "a", display_name: "a", language: "a" }, folder };
    writeFileSync(join(folder, "file"), "");
    await expect(runNotebook(notebook, { ...options, target: join(folder, "file", "out.ipynb") })).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
