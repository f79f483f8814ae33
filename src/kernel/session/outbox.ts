import { performance } from "node:perf_hooks";
import timers from "node:timers";
import type { MessagePort } from "node:worker_threads";
import type { FromSession } from "../messages.js";

const { setTimeout } = timers; // before they are tracked

type Stream = Extract<FromSession, { kind: "stream" }>;

/** Everything the session says goes through here, in order. Text is gathered, so that many small writes are few messages. */
export type Outbox = {
  write(cell: number, name: Stream["name"], text: string): void;
  /** Sends what was written so far, then `message`. */
  send(message: FromSession): void;
  flush(): void;
};

/** Characters after which text is sent at once. */
const ENOUGH = 1 << 16;
/** Milliseconds that text waits at most, in a loop that never gives way too. */
const SOON = 10;

export function createOutbox(port: Pick<MessagePort, "postMessage">): Outbox {
  let waiting: Stream[] = [];
  let size = 0;
  let since = 0;
  let timerSetAt = Number.NEGATIVE_INFINITY;

  function flush(): void {
    const sending = waiting;
    waiting = [];
    size = 0;
    for (const stream of sending) port.postMessage(stream);
  }

  function onTimer(): void {
    timerSetAt = Number.NEGATIVE_INFINITY;
    flush();
  }

  return {
    write(cell, name, text) {
      if (!text) return;
      const now = performance.now();
      if (!waiting.length) since = now;
      const last = waiting.at(-1);
      if (last && last.cell === cell && last.name === name) last.text += text;
      else waiting.push({ kind: "stream", cell, name, text });
      size += text.length;
      if (size >= ENOUGH || now - since > 2 * SOON) flush();
      else if (now - timerSetAt > 10 * SOON) {
        timerSetAt = now; // a timer that an interrupt has cut off is set again
        setTimeout(onTimer, SOON);
      }
    },
    send(message) {
      flush();
      port.postMessage(message);
    },
    flush,
  };
}
