import { Dealer, Request, Subscriber } from "zeromq";
import { decodeMessage, encodeMessage, type Message } from "../wire.js";
import type { ConnectionInfo } from "./process.js";

export type RequestChannel = "shell" | "control" | "stdin";

/** A client's sockets to one kernel. */
export class Channels {
  readonly #key: string;
  readonly #heartbeat: string;
  readonly #requests: { [name in RequestChannel]: Dealer };
  readonly #iopub: Subscriber;
  readonly #sent = new Map<RequestChannel, Promise<void>>();
  #closed = false;

  /**
   * `hear` gets every message whose signature is right; `refuse` says why another one was dropped. `session` names this client: a kernel
   * asks for input where the request came from, so the channels share it.
   */
  constructor(
    connection: ConnectionInfo,
    session: string,
    hear: (channel: RequestChannel | "iopub", message: Message) => void,
    refuse: (reason: string) => void,
  ) {
    this.#key = connection.key;
    const address = (port: number): string => `${connection.transport}://${connection.ip}:${port}`;
    const dealer = (port: number): Dealer => {
      const socket = new Dealer({ routingId: session, linger: 0, reconnectInterval: 20, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
      socket.connect(address(port));
      return socket;
    };
    this.#requests = {
      shell: dealer(connection.shell_port),
      control: dealer(connection.control_port),
      stdin: dealer(connection.stdin_port),
    };
    this.#iopub = new Subscriber({ linger: 0, reconnectInterval: 20, receiveHighWaterMark: 0 }); // 0: nothing is dropped
    this.#iopub.subscribe();
    this.#iopub.connect(address(connection.iopub_port));
    this.#heartbeat = address(connection.hb_port);
    const listen = async (channel: RequestChannel | "iopub", socket: Dealer | Subscriber): Promise<void> => {
      for await (const frames of socket) {
        let message: Message;
        try {
          message = decodeMessage(frames, this.#key);
        } catch (error) {
          refuse(`${channel}: ${(error as Error).message}`);
          continue;
        }
        hear(channel, message);
      }
    };
    for (const [channel, socket] of [...Object.entries(this.#requests), ["iopub", this.#iopub] as const]) {
      listen(channel as RequestChannel | "iopub", socket).catch((error: Error) => {
        if (!this.#closed) refuse(`${channel}: ${error.message}`);
      });
    }
  }

  /** Sends in order: zeromq refuses a send while another one is under way. */
  send(channel: RequestChannel, message: Message): Promise<void> {
    const frames = encodeMessage(message, this.#key);
    const before = this.#sent.get(channel) ?? Promise.resolve();
    const sent = before.then(() => this.#requests[channel].send(frames));
    this.#sent.set(
      channel,
      sent.catch(() => {}),
    );
    return sent;
  }

  /** Whether the kernel's heartbeat answers within the time. */
  async beats(seconds: number): Promise<boolean> {
    const socket = new Request({ linger: 0, reconnectInterval: 20, receiveTimeout: Math.round(seconds * 1000) });
    try {
      socket.connect(this.#heartbeat);
      await socket.send("beat");
      await socket.receive();
      return true;
    } catch {
      return false;
    } finally {
      socket.close();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of [...Object.values(this.#requests), this.#iopub]) socket.close();
  }
}
