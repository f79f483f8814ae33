import type { Message } from "../wire.js";

/**
 * One cell that a kernel runs. Iterating gives its iopub messages in order, and ends when the kernel has both replied and said that it is
 * idle. What the cell prints later (from timers) comes only to the client's listeners. Throws out of the iteration where the kernel dies.
 */
export class Execution implements AsyncIterable<Message> {
  readonly id: string;
  readonly reply: Promise<Message>;
  /** False where the kernel replied but then fell silent without saying that it is idle: output may be missing. */
  idle = false;
  readonly #messages: Message[] = [];
  readonly #silence: number;
  readonly #onEnd: () => void;
  #resolve!: (message: Message) => void;
  #reject!: (error: Error) => void;
  #wake: (() => void) | undefined;
  #replied = false;
  #error: Error | undefined;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  /** `silenceSeconds`: how long to wait after the reply for the next message; `Infinity` waits for ever. `onEnd` is called once. */
  constructor(id: string, onEnd: () => void, silenceSeconds = Number.POSITIVE_INFINITY) {
    this.id = id;
    this.#onEnd = onEnd;
    this.#silence = silenceSeconds;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.reply.catch(() => {}); // a caller may only iterate
  }

  publish(message: Message): void {
    if (this.#ended) return;
    this.#messages.push(message);
    if (message.header.msg_type === "status" && message.content.execution_state === "idle") this.idle = true;
    this.#settle();
  }

  answer(message: Message): void {
    this.#replied = true;
    this.#resolve(message);
    this.#settle();
  }

  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.#reject(error);
    this.#end();
  }

  #settle(): void {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    if (this.#replied && this.idle) this.#end();
    else if (this.#replied && Number.isFinite(this.#silence)) this.#timer = setTimeout(() => this.#end(), this.#silence * 1000);
    this.#wake?.();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#ended = true;
    this.#onEnd();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    for (let next = 0; ; ) {
      while (next < this.#messages.length) {
        yield this.#messages[next++]!;
        if (next < 1000) continue;
        this.#messages.splice(0, next); // what was read is let go
        next = 0;
      }
      if (this.#error) throw this.#error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
