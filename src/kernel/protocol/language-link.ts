import type { Worker } from "node:worker_threads";
import type { LanguageReply, LanguageRequest, LanguageRequests } from "../messages.js";
import { log } from "./log.js";

type Method = keyof LanguageRequests;
type Params<M extends Method> = Parameters<LanguageRequests[M]>[0];
type Answer<M extends Method> = ReturnType<LanguageRequests[M]>;

type Waiting = { resolve: (value: never) => void; reject: (error: Error) => void };

/** The thread that knows TypeScript. It starts with the first question, or by `warm`; where it dies, a new one takes its place. */
export class LanguageLink {
  readonly #start: () => Worker;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #asked = 0;

  constructor(start: () => Worker) {
    this.#start = start;
  }

  warm(): void {
    this.#worker ??= this.#connect(this.#start());
  }

  /** @throws Error where the thread failed over the question. */
  ask<M extends Method>(method: M, params: Params<M>): Promise<Answer<M>> {
    this.warm();
    const request: LanguageRequest = { id: ++this.#asked, method, params };
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      this.#worker!.postMessage(request);
    });
  }

  #connect(worker: Worker): Worker {
    worker.on("message", ({ id, result, error }: LanguageReply) => {
      const waiting = this.#waiting.get(id);
      if (!waiting) return;
      this.#waiting.delete(id);
      if (error === undefined) waiting.resolve(result as never);
      else waiting.reject(new Error(error));
    });
    worker.on("error", (error) => log(`the language thread failed: ${error.stack ?? error.message}`));
    worker.on("exit", () => {
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(new Error("language: its thread ended; the next request starts another"));
      this.#waiting.clear();
    });
    return worker;
  }
}
