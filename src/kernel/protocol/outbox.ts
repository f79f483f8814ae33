import { log } from "./log.js";

type Frames = (Buffer | string)[];

/** Sends in order, one at a time: zeromq refuses a send while another is under way. */
export class Outbox {
  readonly #socket: { send(frames: Frames): Promise<void> };
  readonly #waiting: { frames: Frames; failed?: ((error: Error) => void) | undefined }[] = [];
  #sending: Promise<void> | undefined;

  constructor(socket: { send(frames: Frames): Promise<void> }) {
    this.#socket = socket;
  }

  /** `failed` hears why the message could not be sent; without it that is logged. */
  send(frames: Frames, failed?: (error: Error) => void): void {
    this.#waiting.push({ frames, failed });
    this.#sending ??= this.#run();
  }

  /** Resolves when all is handed to zeromq. */
  async drained(): Promise<void> {
    await this.#sending;
  }

  async #run(): Promise<void> {
    for (let next = 0; next < this.#waiting.length; ) {
      const { frames, failed } = this.#waiting[next++]!;
      try {
        await this.#socket.send(frames);
      } catch (error) {
        if (failed) failed(error as Error);
        else log(`a message could not be sent: ${(error as Error).message}`);
      }
      if (next === 1000 || next === this.#waiting.length) {
        this.#waiting.splice(0, next); // what is sent is let go
        next = 0;
      }
    }
    this.#sending = undefined;
  }
}
