import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What starts a kernel: a kernelspec's part of it. `{connection_file}` in `argv` is filled in. */
export type KernelCommand = {
  argv: string[];
  env?: { [name: string]: string };
  /** How the kernel wants to be interrupted; SIGINT unless told. */
  interruptMode?: "signal" | "message";
};

/** Where a kernel listens, as its connection file says it. */
export type ConnectionInfo = {
  transport: "tcp";
  ip: string;
  key: string;
  signature_scheme: "hmac-sha256";
  shell_port: number;
  control_port: number;
  stdin_port: number;
  iopub_port: number;
  hb_port: number;
};

/** How a kernel's process ended; `error` where it could not be started at all. */
export type KernelEnd = { code: number | null; signal: NodeJS.Signals | null; error?: Error };

export type KernelProcess = {
  readonly pid: number;
  readonly connection: ConnectionInfo;
  readonly ended: Promise<KernelEnd>;
  /** The end of what it wrote to its stdout and stderr, at most 4,000 characters. */
  tail(): string;
  interrupt(): void;
  /** Ends the process and its whole group at once. */
  kill(): void;
};

export type ProcessOptions = {
  /** The kernel's working folder. */
  folder: string;
  /** Added to this process's environment and the command's. */
  env?: { [name: string]: string | undefined };
  /** Hears what the process itself prints, outside of any cell. */
  onText?: ((text: string) => void) | undefined;
};

const TAIL = 4000;
/** The group of a kernel that runs on: it dies with this process. */
const alive = new Set<KernelProcess>();
let guarded = false;

/** Starts a kernel with its own ports, its own key and a connection file that only this user can read. */
export async function startProcess(command: KernelCommand, options: ProcessOptions): Promise<KernelProcess> {
  const connection = await newConnection();
  const folder = mkdtempSync(join(tmpdir(), "eqlab-kernel-"));
  const file = join(folder, "connection.json");
  writeFileSync(file, JSON.stringify(connection, null, 1), { mode: 0o600 });
  const [program = "", ...args] = command.argv.map((argument) => argument.replaceAll("{connection_file}", file));
  const child = spawn(program, args, {
    cwd: options.folder,
    env: { ...process.env, JPY_PARENT_PID: String(process.pid), ...expandEnv(command.env ?? {}), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32", // a group of its own: a terminal's Ctrl-C does not reach it, and it can be ended as a whole
  });
  let tail = "";
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.setEncoding("utf8");
    pipe.on("data", (text: string) => {
      tail = (tail + text).slice(-TAIL);
      options.onText?.(text);
    });
  }
  const started: KernelProcess = {
    pid: child.pid ?? 0,
    connection,
    ended: new Promise((resolve) => {
      const end = (how: KernelEnd): void => {
        alive.delete(started);
        signal(child, "SIGKILL"); // what the kernel left in its group
        rmSync(folder, { recursive: true, force: true });
        resolve(how);
      };
      child.once("exit", (code, signalName) => setImmediate(end, { code, signal: signalName })); // its last words come first
      child.once("error", (error) => child.pid ?? end({ code: null, signal: null, error }));
    }),
    tail: () => tail.trim(),
    interrupt: () => signal(child, "SIGINT"),
    kill: () => signal(child, "SIGKILL"),
  };
  alive.add(started);
  if (!guarded) process.once("exit", () => alive.forEach((kernel) => void kernel.kill()));
  guarded = true;
  return started;
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (!child.pid) return;
  try {
    if (process.platform === "win32") child.kill(name);
    else process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function newConnection(): Promise<ConnectionInfo> {
  const [shell_port, control_port, stdin_port, iopub_port, hb_port] = await freePorts();
  const key = randomUUID();
  const ip = "127.0.0.1";
  return { transport: "tcp", ip, key, signature_scheme: "hmac-sha256", shell_port, control_port, stdin_port, iopub_port, hb_port };
}

/** Ports that were free a moment ago; another program may take one before the kernel does, so a start can fail and is tried again. */
async function freePorts(): Promise<[number, number, number, number, number]> {
  const servers = Array.from({ length: 5 }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as [number, number, number, number, number];
}

/** `${NAME}` in a kernelspec's `env` is this process's variable. */
function expandEnv(env: { [name: string]: string }): { [name: string]: string } {
  const expand = (text: string): string => text.replace(/\$\{(\w+)\}/g, (whole, name: string) => process.env[name] ?? whole);
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, expand(value)]));
}
