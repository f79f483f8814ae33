/** The main thread: runs cells, and tells the protocol's thread what happens. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { MessagePort } from "node:worker_threads";
import { createComms } from "./comms.js";
import { installGlobals, makeGlobals } from "./globals.js";
import { type KernelOptions, type ToSession, WISH_BYTES } from "./messages.js";
import { relaxAsyncChecks } from "./session/async-checks.js";
import { createCells } from "./session/cells.js";
import { captureConsole } from "./session/console.js";
import { createCooperation } from "./session/cooperation.js";
import { createEvaluator } from "./session/evaluate.js";
import { createExecution } from "./session/execution.js";
import { createImports } from "./session/imports.js";
import { createPrompts } from "./session/input.js";
import { createAwaiting, isInterrupt } from "./session/interrupt.js";
import { createOutbox } from "./session/outbox.js";
import { installPreloads } from "./session/preloads.js";
import { createRuns } from "./session/runs.js";
import { translateStacks } from "./session/stack.js";
import { trackTimers } from "./session/timers.js";
import { describeError } from "./session/traceback.js";

/**
 * Makes this thread the one where cells run, for good: console, timers, process streams and the handling of errors become the kernel's. It
 * listens on `port`; `input` is the memory for the user's answers (`INPUT_BYTES`), `wish` for interrupts (`WISH_BYTES`). A termination by V8 may cut off anything here: what is
 * lost by that is asked for again, or given up with the interrupt that caused it.
 */
export function startSession(
  port: MessagePort,
  options: KernelOptions,
  input: SharedArrayBuffer,
  wish = new SharedArrayBuffer(WISH_BYTES),
): void {
  const clearAsyncIds = relaxAsyncChecks();
  const runs = createRuns();
  const cells = createCells();
  const outbox = createOutbox(port);
  const imports = createImports(options.folder);
  const cellNow = runs.outputCell;

  const report = (error: unknown): void => {
    if (!isInterrupt(error)) outbox.send({ kind: "error", cell: cellNow(), error: describeError(error, cells) });
  };
  const comms = createComms({
    send: (message) => outbox.send({ kind: "comm", cell: runs.current()?.cell ?? 0, message }),
    report,
    capture: runs.capture,
  });
  const globals = makeGlobals({
    send: (output) => outbox.send({ ...output, cell: cellNow() }),
    comms,
    prompts: createPrompts(input, runs, outbox),
  });
  const kernel = { import: imports.load, ...createAwaiting(runs), last: undefined as unknown };

  translateStacks(cells, isKernelScript);
  captureConsole((name, text) => outbox.write(cellNow(), name, text));
  trackTimers(runs);
  installGlobals(globals);
  define("__kernel", { value: kernel });
  define("require", { value: imports.require, writable: true });
  define(Symbol.for("Jupyter.signal"), { get: () => runs.current()?.abort.signal });
  const preloads = installPreloads(options.preload, imports);
  process.on("uncaughtException", report);
  process.on("unhandledRejection", report);
  process.on("exit", outbox.flush);

  const evaluator = createEvaluator();
  const execution = createExecution({ runs, cells, outbox, evaluator, preloads, kernel, settled: globals.settled });

  const cooperation = createCooperation(new Int32Array(wish), execution.interrupt);
  define(Symbol.for("Jupyter.interruption"), { value: cooperation.interruption });

  port.on("message", (message: ToSession) => {
    if (message.kind === "execute") execution.execute(message);
    else if (message.kind === "comm") execution.receive(message.cell, () => comms.receive(message.message));
    else {
      clearAsyncIds();
      if (message.kind === "interrupt" && !cooperation.granted()) execution.interrupt();
      cooperation.reset();
      mend(report);
      outbox.send({ kind: "acknowledged", id: message.id });
    }
  });
  outbox.send({ kind: "ready" });
}

/** After a termination, which leaves no `finally` run, libraries set their state right: they put functions into this set. */
function mend(report: (error: unknown) => void): void {
  const hooks = (globalThis as { [seam: symbol]: Set<() => void> | undefined })[Symbol.for("Jupyter.terminated")];
  for (const hook of hooks ?? []) {
    try {
      hook();
    } catch (error) {
      report(error);
    }
  }
}

function define(name: string | symbol, descriptor: PropertyDescriptor): void {
  Object.defineProperty(globalThis, name, { configurable: true, enumerable: false, ...descriptor });
}

const kernelFolder = fileURLToPath(new URL(".", import.meta.url));

/** Frames of the kernel's own code are no news to the author of a cell. */
function isKernelScript(script: string): boolean {
  return script.startsWith("file:") && fileURLToPath(script).startsWith(kernelFolder);
}
