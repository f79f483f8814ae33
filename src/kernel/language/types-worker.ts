/**
 * The thread that knows types. It answers requests in their order on its parent's port. Types are read when it has had nothing to do for a
 * moment, in between requests.
 */
import { parentPort, workerData } from "node:worker_threads";
import { createLanguage } from "../language.js";
import type { KernelOptions, LanguageRequest } from "../messages.js";
import { answer } from "./answer.js";

/** Milliseconds without a request before types are read. */
const IDLE = 50;

const port = parentPort;
if (!port) throw new TypeError("types worker: expected a parent, got none. Start it as a worker");
const language = createLanguage((workerData as { options: KernelOptions }).options);
const warming = language.warm();
const queue: LanguageRequest[] = [];
let idle = setTimeout(warm, 0);

port.on("message", (request: LanguageRequest) => {
  clearTimeout(idle);
  if (queue.push(request) === 1) setImmediate(next);
});

function next(): void {
  const request = queue.shift();
  if (request) port!.postMessage(answer(language, request));
  if (queue.length > 0) setImmediate(next);
  else idle = setTimeout(warm, IDLE);
}

/** One step at a time: a request that comes in between is answered first. */
function warm(): void {
  if (queue.length > 0) return;
  if (warming.next().done) language.rest();
  else idle = setTimeout(warm, 0);
}
