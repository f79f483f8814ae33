import type { Prompts } from "../globals.js";
import { Interrupted } from "./interrupt.js";
import type { Outbox } from "./outbox.js";
import type { Runs } from "./runs.js";

/** The states of the shared memory, see `INPUT_BYTES`. */
const WAITING = 0;
const ANSWERED = 1;
const INTERRUPTED = 2;

/**
 * The ways to ask the user. The main thread stands still until the protocol's thread has put the answer into `memory`. Where the front end
 * takes no input, `prompt` and `password` are null and `confirm` is false. @throws Interrupted when the user interrupts instead.
 */
export function createPrompts(memory: SharedArrayBuffer, runs: Pick<Runs, "current">, outbox: Outbox): Prompts {
  const state = new Int32Array(memory, 0, 2);
  const bytes = new Uint8Array(memory, 8);
  const decoder = new TextDecoder();

  function ask(prompt: string, password: boolean): string | null {
    const run = runs.current();
    if (!run?.allowStdin) return null;
    Atomics.store(state, 0, WAITING);
    outbox.send({ kind: "input", cell: run.cell, prompt, password });
    Atomics.wait(state, 0, WAITING);
    const answer = Atomics.load(state, 0);
    if (answer === INTERRUPTED) throw new Interrupted();
    return answer === ANSWERED ? decoder.decode(bytes.slice(0, Atomics.load(state, 1))) : null; // a decoder takes no shared memory
  }

  return {
    prompt(text = "", initial) {
      const answer = ask(String(text), false);
      return answer === "" && initial !== undefined ? String(initial) : answer;
    },
    password: (text = "") => ask(String(text), true),
    confirm: (text = "") => /^\s*y(es)?\s*$/i.test(ask(`${text} [y/N] `.trimStart(), false) ?? ""),
  };
}
