import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import type { CellStatus, FromSession, KernelOptions, ToSession } from "../../src/kernel/messages.js";

type Execute = Extract<ToSession, { kind: "execute" }>;
type Done = Extract<FromSession, { kind: "done" }>;

/** One cell that ran: all its messages, and the usual ones at hand. */
export type Ran = {
  cell: number;
  messages: FromSession[];
  stdout: string;
  stderr: string;
  /** The result's text. */
  text: unknown;
  outcome: CellStatus;
  values: Done["userExpressions"];
};

/** A session in a process of its own, which the built `dist` provides. */
export class SessionProcess {
  readonly messages: FromSession[] = [];
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  #cells = 0;
  #asked = 0;
  #cuts = 0;
  #watchers = new Set<() => void>();

  constructor(options: Partial<KernelOptions> = {}) {
    const all: KernelOptions = { folder: process.cwd(), preload: [], strict: false, ...options };
    const host = fileURLToPath(new URL("./session-host.mjs", import.meta.url));
    const args = ["--no-force-async-hooks-checks", "--expose-gc", host, JSON.stringify(all)];
    this.process = spawn(process.env.SESSION_NODE ?? process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    createInterface({ input: this.process.stdio[3] as Socket }).on("line", (line) => {
      this.messages.push(JSON.parse(line));
      for (const watcher of this.#watchers) watcher();
    });
    open.add(this);
  }

  post(command: ToSession | { kind: "terminate" } | { kind: "answer"; state: number; text: string }): void {
    (this.process.stdio[3] as Socket).write(`${JSON.stringify(command)}\n`);
  }

  /** The first message that fits, of those that came and those to come. */
  until<T extends FromSession>(fits: (message: FromSession) => message is T): Promise<T>;
  until(fits: (message: FromSession) => boolean): Promise<FromSession>;
  until(fits: (message: FromSession) => boolean): Promise<FromSession> {
    return new Promise((resolve) => {
      const watcher = (): void => {
        const found = this.messages.find(fits);
        if (!found) return;
        this.#watchers.delete(watcher);
        resolve(found);
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  /** Starts a cell and returns its number. */
  start(code: string, options: Partial<Execute> = {}): number {
    const cell = ++this.#cells;
    this.post({ kind: "execute", cell, code, map: "", count: cell, silent: false, allowStdin: true, userExpressions: {}, ...options });
    return cell;
  }

  async run(code: string, options: Partial<Execute> = {}): Promise<Ran> {
    return this.result(this.start(code, options));
  }

  async result(cell: number): Promise<Ran> {
    const done = await this.until((message): message is Done => message.kind === "done" && message.cell === cell);
    const text = this.of(cell).map((message) => (message.kind === "result" ? message.data["text/plain"] : undefined));
    const { outcome, userExpressions: values } = done;
    const shown = text.find((one) => one !== undefined);
    return {
      cell,
      messages: this.of(cell),
      stdout: this.printed(cell),
      stderr: this.printed(cell, "stderr"),
      text: shown,
      outcome,
      values,
    };
  }

  of(cell: number): FromSession[] {
    return this.messages.filter((message) => "cell" in message && message.cell === cell);
  }

  printed(cell: number, name: "stdout" | "stderr" = "stdout"): string {
    return this.of(cell)
      .map((message) => (message.kind === "stream" && message.name === name ? message.text : ""))
      .join("");
  }

  /** As the protocol's thread does it: asks, and has V8 cut off what does not answer, until nothing of that is on its way. */
  async interrupt(): Promise<void> {
    let cuts = 0;
    while (!(await this.#answered("interrupt"))) {
      this.post({ kind: "terminate" });
      cuts++;
    }
    while (
      this.messages.filter(({ kind }) => (kind as string) === "terminated").length < this.#cuts + cuts ||
      !(await this.#answered("ping"))
    ) {
      await sleep(10);
    }
    this.#cuts += cuts;
  }

  async #answered(kind: "interrupt" | "ping"): Promise<boolean> {
    const id = ++this.#asked;
    this.post({ kind, id });
    const answer = this.until((message) => message.kind === "acknowledged" && message.id >= id);
    return (await Promise.race([answer, sleep(150)])) !== undefined;
  }

  close(): void {
    open.delete(this);
    this.process.kill("SIGKILL");
  }
}

export const sleep = (milliseconds: number): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const open = new Set<SessionProcess>();

afterEach(() => {
  for (const session of open) session.close();
});
