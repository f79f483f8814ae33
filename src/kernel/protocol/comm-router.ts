import type { CommMessage } from "../messages.js";
import type { Message } from "../wire.js";
import type { Cell, Cells } from "./cell.js";
import type { Publisher } from "./publisher.js";
import type { Post } from "./session-link.js";

const TYPES = { comm_open: "open", comm_msg: "message", comm_close: "close" } as const;
const NAMES = { open: "comm_open", message: "comm_msg", close: "comm_close" } as const;

/** Carries comm messages between clients and the main thread, at once, and knows which comms are open. */
export class CommRouter {
  readonly #cells: Cells;
  readonly #publisher: Publisher;
  readonly #post: Post;
  readonly #open = new Map<string, string>();
  /** Requests that the main thread has not finished, by cell number. */
  readonly #waiting = new Map<number, () => void>();

  constructor(cells: Cells, publisher: Publisher, post: Post) {
    this.#cells = cells;
    this.#publisher = publisher;
    this.#post = post;
  }

  static carries(type: string): type is keyof typeof TYPES {
    return Object.hasOwn(TYPES, type);
  }

  /** Gives a client's message to the main thread; resolves when that has handled it. @throws TypeError where it has no comm id. */
  async receive(request: Message): Promise<void> {
    const { comm_id: commId, target_name: target, data = {} } = request.content;
    if (typeof commId !== "string") throw new TypeError(`comm message: expected a string comm_id, got ${typeof commId}`);
    const type = TYPES[request.header.msg_type as keyof typeof TYPES];
    const message: CommMessage = { type, commId, data, metadata: request.metadata, buffers: request.buffers.map(ownBytes) };
    if (type === "open") {
      message.target = typeof target === "string" ? target : "";
      this.#open.set(commId, message.target);
    }
    if (type === "close") this.#open.delete(commId);
    const cell = this.#cells.add(request);
    await new Promise<void>((resolve) => {
      this.#waiting.set(cell.number, resolve);
      this.#post({ kind: "comm", cell: cell.number, message });
    });
  }

  handled(cell: number): void {
    this.#waiting.get(cell)?.();
    this.#waiting.delete(cell);
  }

  /** After an interrupt: what was cut off says nothing more. */
  giveUp(before: number): void {
    for (const cell of this.#waiting.keys()) if (cell <= before) this.handled(cell);
  }

  /** The last request that waits. */
  get last(): number {
    return Math.max(0, ...this.#waiting.keys());
  }

  /** Sends the main thread's message to all clients. */
  publish(cell: Cell, { type, commId, target, data, metadata, buffers }: CommMessage): void {
    if (type === "open") this.#open.set(commId, target ?? "");
    if (type === "close") this.#open.delete(commId);
    const content = { comm_id: commId, data, ...(type === "open" && { target_name: target ?? "" }) };
    this.#publisher.publish(NAMES[type], cell.parent, content, buffers, metadata);
  }

  /** `comm_info_reply`'s comms, of one target or of all. */
  info(target: unknown): { [commId: string]: { target_name: string } } {
    const chosen = [...this.#open].filter(([, name]) => typeof target !== "string" || name === target);
    return Object.fromEntries(chosen.map(([id, name]) => [id, { target_name: name }]));
  }
}

/** A copy: a received frame may be a view of memory that cannot be cloned. */
function ownBytes(frame: Buffer): Uint8Array {
  return new Uint8Array(frame);
}
