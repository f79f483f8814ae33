import { setTimeout as sleep } from "node:timers/promises";
import { encodeMessage, type Message, newHeader } from "../wire.js";
import type { Cell } from "./cell.js";
import { log } from "./log.js";
import type { Outbox } from "./outbox.js";

/** What the waiting main thread reads in the shared memory; see `INPUT_BYTES`. */
const WAITING = 0;
const ANSWERED = 1;
const INTERRUPTED = 2;
const REFUSED = 3;
const TEXT_AT = 8;

/** A client's stdin socket may connect later than its others. */
const TRIES = 20;
const RETRY_MS = 50;

/** Asks a cell's client for a line, while the main thread sleeps on the shared memory. */
export class InputDesk {
  readonly #memory: SharedArrayBuffer;
  readonly #state: Int32Array;
  readonly #outbox: Outbox;
  readonly #session: string;
  readonly #key: string;
  /** The id of the question that waits. */
  #question: string | undefined;

  constructor(memory: SharedArrayBuffer, outbox: Outbox, session: string, key: string) {
    this.#memory = memory;
    this.#state = new Int32Array(memory, 0, 2);
    this.#outbox = outbox;
    this.#session = session;
    this.#key = key;
  }

  ask(cell: Cell, prompt: string, password: boolean): void {
    if (!cell.allowStdin) {
      this.#wake(REFUSED);
      return;
    }
    const header = newHeader("input_request", this.#session);
    const question: Message = {
      identities: cell.identities,
      header,
      parent: cell.parent,
      metadata: {},
      content: { prompt, password },
      buffers: [],
    };
    this.#question = header.msg_id;
    this.#send(question, 1);
  }

  /** An `input_reply`; one that nobody waits for is dropped. */
  answer(reply: Message): void {
    if (this.#question === undefined) {
      log("input_reply: expected one after a question, got one without; dropped");
      return;
    }
    const { value } = reply.content;
    const bytes = Buffer.from(typeof value === "string" ? value : "");
    const room = this.#memory.byteLength - TEXT_AT;
    if (bytes.length > room) log(`input_reply: expected at most ${room} bytes, got ${bytes.length}; the rest is cut off`);
    const length = Math.min(bytes.length, room);
    new Uint8Array(this.#memory, TEXT_AT).set(bytes.subarray(0, length));
    Atomics.store(this.#state, 1, length);
    this.#wake(ANSWERED);
  }

  interrupt(): void {
    if (this.#question !== undefined) this.#wake(INTERRUPTED);
  }

  #send(question: Message, attempt: number): void {
    this.#outbox.send(encodeMessage(question, this.#key), async (error) => {
      if (this.#question !== question.header.msg_id) return;
      if (attempt < TRIES) {
        await sleep(RETRY_MS);
        this.#send(question, attempt + 1);
        return;
      }
      log(`input_request: expected a client that listens on stdin, got ${error.message}`);
      this.#wake(REFUSED);
    });
  }

  #wake(state: typeof ANSWERED | typeof INTERRUPTED | typeof REFUSED): void {
    this.#question = undefined;
    if (Atomics.compareExchange(this.#state, 0, WAITING, state) === WAITING) Atomics.notify(this.#state, 0);
  }
}
