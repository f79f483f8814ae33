import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { KernelCommand } from "../../src/kernel/client/process.js";
import { type ClientOptions, type ExecuteOptions, type KernelClient, startKernel } from "../../src/kernel/client.js";
import type { Message } from "../../src/kernel/wire.js";

const launcher = resolve(import.meta.dirname, "../../kernels/eqlab/launch.mjs");

/** Starts the built kernel as a kernelspec would; `nodeArgs` are Node's own. */
export function startEqlab(args: string[] = [], options: Partial<ClientOptions> = {}, nodeArgs: string[] = []): Promise<KernelClient> {
  const built = resolve(import.meta.dirname, "../../dist/kernel/main.js");
  if (!existsSync(built)) throw new Error(`kernel: expected a build at ${built}, got none. npm run build`);
  return startKernel(launchCommand(args, nodeArgs), { folder: import.meta.dirname, startSeconds: 30, ...options });
}

export function launchCommand(args: string[] = [], nodeArgs: string[] = []): KernelCommand {
  const node = process.env.EQLAB_TEST_NODE ?? process.execPath; // another version, to try the kernel on
  return { argv: [node, ...nodeArgs, launcher, "{connection_file}", ...args], interruptMode: "message" };
}

export type CellRun = {
  reply: Message["content"];
  /** Everything on iopub, in order. */
  messages: Message[];
  stdout: string;
  stderr: string;
  /** The plain text of the cell's value. */
  value: string | undefined;
  /** From the request to `idle` and the reply. */
  milliseconds: number;
};

/** Runs a cell to its end. */
export async function runCell(kernel: KernelClient, code: string, options: ExecuteOptions = {}): Promise<CellRun> {
  const started = performance.now();
  const execution = kernel.execute(code, options);
  const messages: Message[] = [];
  for await (const message of execution) messages.push(message);
  const { content: reply } = await execution.reply;
  const text = (name: string): string =>
    messages
      .filter(({ header, content }) => header.msg_type === "stream" && content.name === name)
      .map(({ content }) => content.text)
      .join("");
  const result = messages.find(({ header }) => header.msg_type === "execute_result")?.content.data as { "text/plain"?: string } | undefined;
  const milliseconds = performance.now() - started;
  return { reply, messages, stdout: text("stdout"), stderr: text("stderr"), value: result?.["text/plain"], milliseconds };
}

/** The processes that descend from `pid`, with it, while they live. */
export function family(pid: number): number[] {
  const children = (parent: number): number[] => {
    try {
      return readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    } catch {
      return [];
    }
  };
  return [pid, ...children(pid).flatMap(family)];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
