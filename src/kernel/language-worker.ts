/**
 * The thread that knows TypeScript. It answers requests in their order, on `workerData.port` or else on the parent's port. TypeScript is
 * loaded at once, because the first cell needs it; types are read when the thread has had nothing to do for a moment, in between requests.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Language } from "./language.js";
import type { KernelOptions, LanguageReply, LanguageRequest } from "./messages.js";

/** Milliseconds without a request before types are read. */
const IDLE = 150;

const { port = parentPort, options } = workerData as { port?: MessagePort; options: KernelOptions };
if (!port) throw new TypeError("language worker: expected workerData.port or a parent, got neither. Start it as a worker");

const queue: LanguageRequest[] = [];
let language: Language | undefined;
let warming: Generator<void, void> | undefined;
let idle: NodeJS.Timeout | undefined;

port.on("message", (request: LanguageRequest) => {
  queue.push(request);
  if (queue.length === 1 && language) next();
});

function next(): void {
  clearTimeout(idle);
  const [request] = queue;
  if (!request || !language) return;
  port!.postMessage(reply(language, request));
  queue.shift();
  if (queue.length > 0) setImmediate(next);
  else idle = setTimeout(warm, IDLE);
}

function reply(language: Language, { id, method, params }: LanguageRequest): LanguageReply {
  try {
    return { id, result: language[method](params as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** One step at a time: a request that comes in between is answered first. */
function warm(): void {
  if (queue.length > 0 || !warming || warming.next().done) return;
  idle = setTimeout(warm, 1);
}

const { createLanguage } = await import("./language.js");
language = createLanguage(options);
warming = language.warm();
if (queue.length > 0) next();
else idle = setTimeout(warm, IDLE);
