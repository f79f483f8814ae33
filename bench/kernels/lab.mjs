/** A kernel to measure: started when it is needed, started anew when it hangs, and ended in any case. */
import { setTimeout as sleep } from "node:timers/promises";
import { startProcess } from "../../dist/kernel/client/process.js";
import { KernelClient } from "../../dist/kernel/client.js";

const START_SECONDS = 40;
/** An answer that comes so long after a kernel fell silent is not waited for. */
const SILENCE_SECONDS = 4;

/** So long after `idle` output is still looked for, where that is not what is measured. */
const LATE_SECONDS = 3;

class Late extends Error {}

export class Lab {
  readySeconds;
  answerSeconds;
  #side;
  #process;
  #client;

  constructor(side) {
    this.#side = side;
  }

  /** A client of a kernel that works. `warm`: it has run a cell. */
  async client({ warm = true } = {}) {
    if (this.#client) return this.#client;
    const { command, folder, cells } = this.#side;
    const begun = performance.now();
    const secondsNow = () => (performance.now() - begun) / 1000;
    this.#process = await startProcess(command, { folder });
    this.#client = new KernelClient(this.#process, command, { folder, onInput: () => "Ada" });
    const answered = this.#client.request("kernel_info_request").then(
      () => {
        this.answerSeconds = secondsNow();
      },
      () => {}, // told by `ready`
    );
    await this.#client.ready(START_SECONDS);
    this.readySeconds = secondsNow();
    await within(1, answered).catch(() => {});
    if (warm) await within(START_SECONDS, run(this.#client, cells.small(0)));
    return this.#client;
  }

  get connection() {
    return this.#process.connection;
  }

  get pid() {
    return this.#process.pid;
  }

  /** What `work` finds in a working kernel, "hangs" where it takes longer than `seconds`, or "fails: ..." where it throws. */
  async measure(seconds, work) {
    try {
      const client = await this.client();
      return await within(seconds, work(client));
    } catch (error) {
      await this.end();
      return error instanceof Late ? "hangs" : `fails: ${error.message.split("\n")[0].slice(0, 100)}`;
    }
  }

  async end() {
    const client = this.#client;
    this.#client = undefined;
    await client?.shutdown({ graceSeconds: 0 });
  }
}

/** Runs a cell to its end: its iopub messages until `idle`, and its reply. `patient`: where it printed nothing, what comes late counts too. */
export async function run(client, code, { patient = false, ...options } = {}) {
  const execution = client.execute(code, { silenceSeconds: SILENCE_SECONDS, ...options });
  const messages = [];
  for await (const message of execution) messages.push(message);
  const forget = client.onMessage((message) => message.parent.msg_id === execution.id && messages.push(message));
  for (let waits = 0; patient && waits < LATE_SECONDS * 40 && textOf(messages) === ""; waits++) await sleep(25);
  forget();
  const reply = (await execution.reply).content;
  return { id: execution.id, messages, reply, text: textOf(messages), idle: execution.idle };
}

/** Runs a cell that must succeed; the seconds until it has both replied and is idle. */
export async function timed(client, code) {
  const begun = performance.now();
  const { reply, text } = await run(client, code);
  const seconds = (performance.now() - begun) / 1000;
  if (reply.status !== "ok") throw new Error(`${reply.ename ?? "error"}: ${reply.evalue ?? text.slice(0, 200)}`);
  return seconds;
}

/** Everything that was shown as text. */
export function textOf(messages) {
  return messages
    .map(({ header, content }) => {
      if (header.msg_type === "stream") return content.text;
      if (header.msg_type === "error") return content.traceback.join("\n");
      return content.data?.["text/plain"] ?? "";
    })
    .join("");
}

export async function within(seconds, promise) {
  const clock = new AbortController();
  try {
    promise.catch?.(() => {}); // it may fail later, when nobody waits for it
    const late = sleep(seconds * 1000, undefined, { signal: clock.signal }).then(
      () => {
        throw new Late(`expected an end within ${seconds} s`);
      },
      () => {},
    );
    return await Promise.race([promise, late]);
  } finally {
    clock.abort();
  }
}
