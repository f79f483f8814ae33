import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KernelCommand } from "../../src/kernel/client/process.js";
import type { ClientOptions, KernelClient } from "../../src/kernel/client.js";
import { startKernel } from "../../src/kernel/client.js";
import type { Message } from "../../src/kernel/wire.js";
import { root } from "../../src/setup/paths.mjs";

/** A kernel whose cells say which messages it sends. */
export const fakeCommand: KernelCommand = {
  argv: [process.execPath, join(root, "test", "kernel", "fake-kernel.mjs"), "{connection_file}"],
  interruptMode: "message",
};

export function startFake(options: Partial<ClientOptions> = {}, command = fakeCommand): Promise<KernelClient> {
  return startKernel(command, { folder: root, ...options });
}

/** All messages of a cell as `type` and what tells them apart. */
export async function collect(messages: AsyncIterable<Message>): Promise<string[]> {
  const said: string[] = [];
  for await (const { header, content } of messages) said.push(`${header.msg_type} ${content.text ?? content.execution_state ?? ""}`.trim());
  return said;
}

/** A process that has ended but that nobody asked after is still named by the system. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
