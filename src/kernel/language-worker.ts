/**
 * The thread that knows TypeScript's syntax: it answers on `workerData.port`, or else on the parent's port, what no types are needed for, so
 * that a cell never waits for them. What needs them it hands on to a thread of its own, which has a second TypeScript (some 80 MB) and is
 * started once this one is ready. Requests of either kind are answered in their order.
 */
import { type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { answer } from "./language/answer.js";
import type { Language } from "./language.js";
import type { KernelOptions, LanguageReply, LanguageRequest } from "./messages.js";

/** Milliseconds in which a first cell is transformed before the other thread takes its share of the processor. */
const HEAD_START = 20;

const { port = parentPort, options } = workerData as { port?: MessagePort; options: KernelOptions };
if (!port) throw new TypeError("language worker: expected workerData.port or a parent, got neither. Start it as a worker");

const TYPED: ReadonlySet<string> = new Set<LanguageRequest["method"]>(["check", "settle", "complete", "inspect"]);
const early: LanguageRequest[] = [];
const handedOn = new Set<number>();
let language: Language | undefined;
let types: Worker | undefined;

port.on("message", (request: LanguageRequest) => {
  if (TYPED.has(request.method)) handOn(request);
  else if (language) port!.postMessage(answer(language, request));
  else early.push(request);
});

function handOn(request: LanguageRequest): void {
  handedOn.add(request.id);
  types ??= startTypes();
  types.postMessage(request);
}

function startTypes(): Worker {
  const worker = new Worker(new URL("./language/types-worker.js", import.meta.url), { workerData: { options } });
  let reason = "it ended";
  worker.on("message", (reply: LanguageReply) => {
    handedOn.delete(reply.id);
    port!.postMessage(reply);
  });
  worker.on("error", (error) => {
    reason = error.stack ?? error.message;
  });
  worker.on("exit", () => {
    types = undefined;
    for (const id of handedOn)
      port!.postMessage({ id, error: `types: expected the thread to live, got ${reason}. The next request starts another` });
    handedOn.clear();
  });
  return worker;
}

const { createLanguage } = await import("./language.js");
language = createLanguage(options);
for (const request of early.splice(0)) port.postMessage(answer(language, request));
language.warm().next(); // the first transform is a slow one
setTimeout(() => {
  types ??= startTypes();
}, HEAD_START);
