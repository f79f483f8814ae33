import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Channels, type RequestChannel } from "./client/channels.js";
import { Execution } from "./client/execution.js";
import { type KernelCommand, type KernelEnd, type KernelProcess, type ProcessOptions, startProcess } from "./client/process.js";
import type { CommMessage } from "./messages.js";
import type { Message } from "./wire.js";

/** A kernel's process has ended, or was never there. */
export class KernelDied extends Error {
  override name = "KernelDied";
  readonly end: KernelEnd;
  constructor(end: KernelEnd, tail: string, during: string) {
    const how = end.error ? `it could not be started: ${end.error.message}` : `it ended with ${end.signal ?? `exit code ${end.code}`}`;
    super(`kernel: expected it to live ${during}, ${how}.${tail ? ` It wrote last:\n${tail}` : " It wrote nothing."}`);
    this.end = end;
  }
}

export type ClientOptions = ProcessOptions & {
  /** How long a kernel may take to be ready. */
  startSeconds?: number;
  /** Gives the start up. */
  signal?: AbortSignal | undefined;
  /** Answers the kernel's questions; without it a cell that asks is refused by the kernel. A rejection interrupts the cell. */
  onInput?: ((question: { prompt: string; password: boolean }) => string | Promise<string>) | undefined;
};

export type ExecuteOptions = {
  silent?: boolean;
  storeHistory?: boolean;
  userExpressions?: { [name: string]: string };
  /** Whether an error makes the kernel refuse what is already waiting. */
  stopOnError?: boolean;
  /** How long to wait, after the reply, for output and `idle` while nothing comes; for ever unless told. */
  silenceSeconds?: number;
};

type Content = { [name: string]: unknown };

/** Starts a kernel and waits until it answers. @throws KernelDied where it ends, Error where it is not ready in time. */
export async function startKernel(command: KernelCommand, options: ClientOptions): Promise<KernelClient> {
  for (let attempts = 1; ; attempts++) {
    const process = await startProcess(command, options);
    const client = new KernelClient(process, command, options);
    options.signal?.addEventListener("abort", process.kill);
    try {
      await client.ready(options.startSeconds ?? 60);
      return client;
    } catch (error) {
      await client.shutdown({ graceSeconds: 0 });
      const taken = /EADDRINUSE|address (already )?in use/i.test(process.tail()); // another program was faster
      if (!taken || attempts === 3) throw error;
    } finally {
      options.signal?.removeEventListener("abort", process.kill);
    }
  }
}

/** Talks to one kernel that it has started. Made by `startKernel`; whoever starts it calls `shutdown`. */
export class KernelClient {
  /** The kernel's `kernel_info_reply`. */
  info: Content = {};
  readonly session = randomUUID();
  readonly #process: KernelProcess;
  readonly #command: KernelCommand;
  readonly #options: ClientOptions;
  readonly #channels: Channels;
  readonly #waiting = new Map<
    string,
    { channel: RequestChannel; type: string; resolve: (m: Message) => void; reject: (e: Error) => void }
  >();
  readonly #executions = new Map<string, Execution>();
  readonly #listeners = new Set<(message: Message) => void>();
  #heard = 0;
  #gone: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(process: KernelProcess, command: KernelCommand, options: ClientOptions) {
    this.#process = process;
    this.#command = command;
    this.#options = options;
    const refuse = (reason: string): void => options.onText?.(`dropped a message: ${reason}\n`);
    this.#channels = new Channels(process.connection, this.session, (channel, message) => this.#hear(channel, message), refuse);
    process.ended.then((end) => this.#died(end)).catch(() => {});
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** How the kernel's process ended, once it has. */
  get ended(): Promise<KernelEnd> {
    return this.#process.ended;
  }

  /** Waits until the kernel answers, its output reaches this client, and its heart beats. */
  async ready(seconds: number): Promise<void> {
    const deadline = performance.now() + seconds * 1000;
    const left = (): number => deadline - performance.now();
    const asked = new Set<string>();
    let heard = false;
    const forget = this.onMessage(({ parent }) => {
      heard ||= asked.has(parent?.msg_id ?? "");
    });
    const beats = this.#channels.beats(seconds);
    try {
      for (let reply: Message | undefined; !heard || !reply; ) {
        const request = this.#message("kernel_info_request", {});
        asked.add(request.header.msg_id);
        const answer = this.#ask("shell", request);
        answer.catch(() => {});
        reply = (await within(answer, Math.min(1000, left()))) ?? reply;
        if (reply && !heard) await sleep(20); // its subscription may not have reached the kernel yet
        if (left() <= 0 && !(heard && reply)) break;
        if (reply) this.info = reply.content;
      }
      if (!heard || !(await within(beats, Math.max(left(), 1000)))) {
        const wrote = this.#process.tail();
        throw new Error(`kernel: expected it to be ready within ${seconds} s, got no answer.${wrote ? ` It wrote last:\n${wrote}` : ""}`);
      }
    } finally {
      forget();
      for (const id of asked) this.#waiting.delete(id);
    }
  }

  /** Hears every iopub message, also what comes after a cell's end. Returns how to stop. */
  onMessage(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  execute(code: string, options: ExecuteOptions = {}): Execution {
    const { silent = false, storeHistory = !silent, userExpressions = {}, stopOnError = true, silenceSeconds } = options;
    const request = this.#message("execute_request", {
      code,
      silent,
      store_history: storeHistory,
      user_expressions: userExpressions,
      allow_stdin: this.#options.onInput !== undefined,
      stop_on_error: stopOnError,
    });
    const { msg_id: id } = request.header;
    const execution = new Execution(id, () => this.#executions.delete(id), silenceSeconds);
    this.#executions.set(id, execution);
    this.#ask("shell", request).then(
      (reply) => execution.answer(reply),
      (error: Error) => execution.fail(error),
    );
    return execution;
  }

  /** Sends any request and waits for what answers it, whatever the answer is called. `timeoutSeconds`: none unless told. */
  async request(
    type: string,
    content: Content = {},
    options: { channel?: RequestChannel; timeoutSeconds?: number } = {},
  ): Promise<Message> {
    const { channel = "shell", timeoutSeconds } = options;
    const request = this.#message(type, content);
    const answer = this.#ask(channel, request);
    if (timeoutSeconds === undefined) return answer;
    answer.catch(() => {});
    const reply = await within(answer, timeoutSeconds * 1000);
    this.#waiting.delete(request.header.msg_id);
    if (!reply) throw new Error(`kernel: expected an answer to ${type} within ${timeoutSeconds} s, got none`);
    return reply;
  }

  /** `cursor` counts code points, as Jupyter does; the end of the code unless told. */
  async complete(code: string, cursor = [...code].length): Promise<Content> {
    return (await this.request("complete_request", { code, cursor_pos: cursor })).content;
  }

  async inspect(code: string, cursor = [...code].length, detail: 0 | 1 = 0): Promise<Content> {
    return (await this.request("inspect_request", { code, cursor_pos: cursor, detail_level: detail })).content;
  }

  async isComplete(code: string): Promise<Content> {
    return (await this.request("is_complete_request", { code })).content;
  }

  /** The last cells, newest last; `access` says how they are chosen (`tail`, `range`, `search`) and takes Jupyter's own fields. */
  async history(access: Content = { hist_access_type: "tail", n: 100 }): Promise<Content> {
    return (await this.request("history_request", { output: false, raw: true, ...access })).content;
  }

  /** The open comms by their ids. */
  async comms(target?: string): Promise<Content> {
    const { content } = await this.request("comm_info_request", target === undefined ? {} : { target_name: target });
    return (content.comms ?? {}) as Content;
  }

  /** Sends one comm message; what the kernel does with it is heard by listeners, under the returned message id. */
  async sendComm({ type, commId, target, data, metadata, buffers }: CommMessage): Promise<string> {
    const name = { open: "comm_open", message: "comm_msg", close: "comm_close" }[type];
    const message = this.#message(name, { comm_id: commId, data, ...(type === "open" && { target_name: target }) });
    message.metadata = metadata;
    message.buffers = buffers.map((buffer) => Buffer.from(buffer));
    await this.#channels.send("shell", message);
    return message.header.msg_id;
  }

  /** Interrupts what runs, in the way the kernel wants it. */
  async interrupt(): Promise<void> {
    if (this.#command.interruptMode === "message") await this.request("interrupt_request", {}, { channel: "control" });
    else this.#process.interrupt();
  }

  /** Whether the kernel's process can answer at all, also while a cell runs. */
  async beats(seconds = 1): Promise<boolean> {
    return this.#channels.beats(seconds);
  }

  /** Asks the kernel to end, and ends it after `graceSeconds`. Nothing of its process group is left. */
  shutdown({ graceSeconds = 3, restart = false }: { graceSeconds?: number; restart?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#shutdown(graceSeconds, restart);
    return this.#closing;
  }

  async #shutdown(graceSeconds: number, restart: boolean): Promise<void> {
    if (graceSeconds > 0 && !this.#gone) {
      this.request("shutdown_request", { restart }, { channel: "control" }).catch(() => {});
      await within(this.#process.ended, graceSeconds * 1000);
    }
    this.#process.kill();
    await within(this.#process.ended, 5000);
    this.#fail(new Error("kernel: it was shut down"));
    this.#channels.close();
  }

  #message(type: string, content: Content): Message {
    const header = {
      msg_id: randomUUID(),
      session: this.session,
      username: "eqlab",
      date: new Date().toISOString(),
      msg_type: type,
      version: "5.4",
    };
    return { identities: [], header, parent: {}, metadata: {}, content, buffers: [] };
  }

  #ask(channel: RequestChannel, request: Message): Promise<Message> {
    if (this.#gone) return Promise.reject(this.#gone);
    const { msg_id: id, msg_type: type } = request.header;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { channel, type, resolve, reject });
      this.#channels.send(channel, request).catch((error: Error) => {
        if (this.#waiting.delete(id)) reject(error);
      });
    });
  }

  #hear(channel: RequestChannel | "iopub", message: Message): void {
    this.#heard++;
    const id = message.parent?.msg_id ?? "";
    if (channel === "iopub") {
      this.#executions.get(id)?.publish(message);
      for (const listener of this.#listeners) listener(message);
    } else if (message.header.msg_type === "input_request") {
      void this.#input(message);
    } else {
      const waiting = this.#waiting.get(id);
      if (waiting?.channel !== channel) return;
      this.#waiting.delete(id);
      waiting.resolve(message);
    }
  }

  async #input(question: Message): Promise<void> {
    try {
      const { prompt = "", password = false } = question.content as { prompt?: string; password?: boolean };
      if (!this.#options.onInput) throw new Error("kernel: it asks for input although it was told that there is none");
      const answer = this.#message("input_reply", { status: "ok", value: await this.#options.onInput({ prompt, password }) });
      await this.#channels.send("stdin", { ...answer, parent: question.header });
    } catch {
      await this.interrupt().catch(() => {});
    }
  }

  /** The process is gone: what it had already sent is still read, then everything that waits fails. */
  async #died(end: KernelEnd): Promise<void> {
    for (let before = -1; before !== this.#heard && !this.#closing; ) {
      before = this.#heard;
      await sleep(100);
    }
    if (this.#closing) return;
    const during = [...this.#waiting.values()].map(({ type }) => type);
    this.#fail(new KernelDied(end, this.#process.tail(), during.length > 0 ? `during ${during.join(", ")}` : "while it was used"));
    this.#channels.close();
  }

  #fail(error: Error): void {
    this.#gone ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    for (const execution of this.#executions.values()) execution.fail(this.#gone);
    this.#waiting.clear();
    this.#executions.clear();
  }
}

/** The promise's value, or undefined where it takes longer. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  const clock = new AbortController();
  try {
    return await Promise.race([promise, sleep(Math.max(0, milliseconds), undefined, { signal: clock.signal }).catch(() => undefined)]);
  } finally {
    clock.abort();
  }
}
