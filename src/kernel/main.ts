/**
 * The kernel's process: main.js CONNECTION_FILE [--preload name=specifier#member]... [--strict] [--folder DIR] [--supervised]. The main
 * thread is left to the user's code; a worker speaks the protocol and starts another one for TypeScript.
 */
import { writeSync } from "node:fs";
import { MessageChannel, Worker } from "node:worker_threads";
import { readArguments } from "./arguments.js";
import { INPUT_BYTES, WISH_BYTES } from "./messages.js";
import type { ProtocolData } from "./protocol-worker.js";

/** How long an exit waits for output that is still to be sent. */
const CLOSE_MS = 3000;

process.on("SIGINT", () => {}); // a terminal sends it to the whole group; the launcher hears it and interrupts

const { exit, reallyExit } = process as NodeJS.Process & { reallyExit: (code?: number) => never }; // a cell may replace them
const { connectionFile, supervised, ...options } = readArguments(process.argv.slice(2), process.cwd());
const { port1, port2 } = new MessageChannel();
const inputMemory = new SharedArrayBuffer(INPUT_BYTES);
const wish = new SharedArrayBuffer(WISH_BYTES);
const data: ProtocolData = { connectionFile, supervised, options, port: port2, inputMemory, wish };
const protocol = new Worker(new URL("./protocol-worker.js", import.meta.url), { workerData: data, transferList: [port2] });
protocol.on("message", () => exit.call(process, 0));
protocol.on("error", (error) => {
  writeSync(2, `eqlab kernel: ${error.stack ?? error.message}\n`);
  exit.call(process, 1);
});

// The last words are sent before the process goes, and the worker lets go of what would make Node abort.
Object.assign(process, {
  reallyExit(code?: number) {
    const closed = new Int32Array(new SharedArrayBuffer(4));
    protocol.postMessage(closed);
    Atomics.wait(closed, 0, 0, CLOSE_MS);
    reallyExit.call(process, code);
  },
});

const { startSession } = await import("./session.js");
startSession(port1, options, inputMemory, wish);
