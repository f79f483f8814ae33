import type { CellError, MimeData } from "../messages.js";
import { encodeMessage, type Header, type Message, newHeader } from "../wire.js";
import type { Outbox } from "./outbox.js";

/** The header of the request that output belongs to; empty where there is none. */
export type Parent = Partial<Header>;

type StreamName = "stdout" | "stderr";

const WAIT_MS = 15;
/** In UTF-16 units. */
const FULL = 1 << 16;
const LONGEST = 1 << 20;

/**
 * Everything a kernel says on iopub, in the order in which it is said. Texts of one stream that follow each other closely become one
 * message; whatever else is said sends them first, so `idle` comes after all output.
 */
export class Publisher {
  readonly #outbox: Outbox;
  readonly #session: string;
  readonly #key: string;
  #pending: { parent: Parent; name: StreamName; text: string } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(outbox: Outbox, session: string, key: string) {
    this.#outbox = outbox;
    this.#session = session;
    this.#key = key;
  }

  stream(parent: Parent, name: StreamName, text: string): void {
    if (text === "") return;
    if (this.#pending && (this.#pending.parent !== parent || this.#pending.name !== name)) this.flush();
    if (this.#pending) this.#pending.text += text;
    else this.#pending = { parent, name, text };
    if (this.#pending.text.length >= FULL) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WAIT_MS);
  }

  /** Sends the texts that wait. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    if (!pending) return;
    for (const text of pieces(pending.text)) this.#publish("stream", pending.parent, { name: pending.name, text });
  }

  status(parent: Parent, state: "starting" | "busy" | "idle"): void {
    this.publish("status", parent, { execution_state: state });
  }

  input(parent: Parent, code: string, count: number): void {
    this.publish("execute_input", parent, { code, execution_count: count });
  }

  result(parent: Parent, count: number, data: MimeData, metadata: MimeData): void {
    this.publish("execute_result", parent, { execution_count: count, data, metadata, transient: {} });
  }

  display(parent: Parent, data: MimeData, metadata: MimeData, displayId: string | undefined, update: boolean): void {
    const transient = displayId === undefined ? {} : { display_id: displayId };
    this.publish(update ? "update_display_data" : "display_data", parent, { data, metadata, transient });
  }

  clear(parent: Parent, wait: boolean): void {
    this.publish("clear_output", parent, { wait });
  }

  error(parent: Parent, { ename, evalue, traceback }: CellError): void {
    this.publish("error", parent, { ename, evalue, traceback });
  }

  /** Says anything else. What cannot be written as JSON is reported on the parent's stderr instead. */
  publish(type: string, parent: Parent, content: Message["content"], buffers: Uint8Array[] = [], metadata: Message["metadata"] = {}): void {
    this.flush();
    try {
      this.#publish(type, parent, content, buffers, metadata);
    } catch (error) {
      const text = `${type}: expected content that can be written as JSON, got ${(error as Error).message}\n`;
      this.#publish("stream", parent, { name: "stderr", text });
    }
  }

  #publish(
    type: string,
    parent: Parent,
    content: Message["content"],
    buffers: Uint8Array[] = [],
    metadata: Message["metadata"] = {},
  ): void {
    const header = newHeader(type, this.#session);
    const message: Message = { identities: [Buffer.from(type)], header, parent, metadata, content, buffers: buffers.map(asBuffer) };
    this.#outbox.send(encodeMessage(message, this.#key));
  }
}

/** Cuts a long text so that no message is huge, and never between the halves of a surrogate pair. */
function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + LONGEST, text.length);
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
    yield text.slice(start, end);
    start = end;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
