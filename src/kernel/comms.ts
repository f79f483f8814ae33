/**
 * The session's side of comms: channels to objects in the front end, opened from either side. Messages are JSON with binary buffers.
 * Nothing here throws for what the front end sends, and no handler's error goes further than `report`.
 */
import { randomUUID } from "node:crypto";
import type { CommMessage } from "./messages.js";

/** What one message carries beside its channel. */
export type CommData = {
  /** JSON. */
  data?: unknown;
  metadata?: { [key: string]: unknown };
  buffers?: Uint8Array[];
};

/** A message that arrived. */
export type CommEvent = { data: unknown; metadata: { [key: string]: unknown }; buffers: Uint8Array[] };

/** One channel to the front end. */
export type Comm = {
  readonly id: string;
  readonly target: string;
  /** True once either side has closed it; what is sent then goes nowhere. */
  readonly closed: boolean;
  /** Sends one message. `data` must be JSON; binary parts go into `buffers`. */
  send(data: unknown, more?: Omit<CommData, "data">): void;
  /** Calls `handler` for each message from the front end. */
  onMessage(handler: (event: CommEvent) => unknown): void;
  /** Calls `handler` when the front end closes the channel. */
  onClose(handler: (event: CommEvent) => unknown): void;
  close(message?: CommData): void;
};

/** Called for each channel that the front end opens; an error closes it. */
export type CommTarget = (comm: Comm, opened: CommEvent) => unknown;

export type Comms = {
  /** Opens a channel to what the front end knows as `target`. */
  open(target: string, message?: CommData & { id?: string }): Comm;
  /** Answers channels that the front end opens under `target`, in place of an earlier handler; the result takes it back. */
  register(target: string, handler: CommTarget): () => void;
  /** The open channels' targets by id. */
  list(): Map<string, string>;
};

export type CommsOptions = {
  send(message: CommMessage): void;
  /** Told of every error that a handler throws or rejects with. */
  report(error: unknown): void;
  /** Remembers who registers a handler; the result runs work in their name. */
  capture?(): <T>(work: () => T) => T;
};

/** The kernel's own view: cells get `Comms`. */
export type CommRouter = Comms & {
  /**
   * Takes one message from the front end. The handlers' synchronous part has run when this returns; the promise never rejects and settles
   * when theirs have. Do not hold up later messages for it: a handler may run for long.
   */
  receive(message: CommMessage): Promise<void>;
  /**
   * A callback as handlers are run: at once, in the name of who calls `guard`, its errors reported. The result never rejects, and is false
   * where the callback failed.
   */
  guard<A extends unknown[]>(handler: (...values: A) => unknown): Guarded<A>;
};

/** What `guard` makes. */
export type Guarded<A extends unknown[]> = (...values: A) => Promise<boolean>;

type Channel = {
  comm: Comm;
  onMessage: Guarded<[CommEvent]>[];
  onClose: Guarded<[CommEvent]>[];
  shut(): void;
};

export function createComms({ send, report, capture = () => (work) => work() }: CommsOptions): CommRouter {
  const channels = new Map<string, Channel>();
  const targets = new Map<string, Guarded<[Comm, CommEvent]>>();

  function guard<A extends unknown[]>(handler: (...values: A) => unknown): Guarded<A> {
    const within = capture();
    return (...values) =>
      within(async () => {
        try {
          await handler(...values);
          return true;
        } catch (error) {
          report(error);
          return false;
        }
      });
  }

  const callAll = async (handlers: readonly Guarded<[CommEvent]>[], event: CommEvent): Promise<void> => {
    await Promise.all([...handlers].map((handler) => handler(event)));
  };

  function create(id: string, target: string): Channel {
    let closed = false;
    const channel: Channel = {
      onMessage: [],
      onClose: [],
      shut() {
        closed = true;
        channels.delete(id);
      },
      comm: {
        id,
        target,
        get closed() {
          return closed;
        },
        send(data, more = {}) {
          if (!closed) send(message("message", id, { ...more, data }));
        },
        onMessage: (handler) => void channel.onMessage.push(guard(handler)),
        onClose: (handler) => void channel.onClose.push(guard(handler)),
        close(last = {}) {
          if (closed) return;
          channel.shut();
          send(message("close", id, last));
        },
      },
    };
    channels.set(id, channel);
    return channel;
  }

  /** A target that is unknown, or that fails, closes the channel at once, so that the front end does not wait for it. */
  async function opened({ commId, target = "" }: CommMessage, event: CommEvent): Promise<void> {
    const handler = targets.get(target);
    if (!handler || channels.has(commId)) {
      send(message("close", commId, {}));
      return;
    }
    const { comm } = create(commId, target);
    if (!(await handler(comm, event))) comm.close();
  }

  return {
    guard,
    open(target, { id = randomUUID().replaceAll("-", ""), ...opening } = {}) {
      if (typeof target !== "string" || !target) throw new TypeError(`comm target: expected a name, got ${String(target)}`);
      if (channels.has(id)) throw new RangeError(`comm id: expected one that is not open, got ${id}`);
      const { comm } = create(id, target);
      send({ ...message("open", id, opening), target });
      return comm;
    },
    register(target, handler) {
      const guarded = guard(handler);
      targets.set(target, guarded);
      return () => {
        if (targets.get(target) === guarded) targets.delete(target);
      };
    },
    list: () => new Map([...channels].map(([id, { comm }]) => [id, comm.target])),
    async receive(got) {
      const event: CommEvent = { data: got.data, metadata: got.metadata ?? {}, buffers: got.buffers ?? [] };
      if (got.type === "open") return opened(got, event);
      const channel = channels.get(got.commId);
      if (!channel) return;
      if (got.type === "message") return callAll(channel.onMessage, event);
      channel.shut();
      return callAll(channel.onClose, event);
    },
  };
}

function message(type: CommMessage["type"], commId: string, { data = {}, metadata = {}, buffers = [] }: CommData): CommMessage {
  return { type, commId, data, metadata, buffers };
}
