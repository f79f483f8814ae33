/** The thread that speaks Jupyter's protocol: five sockets on one side, the main thread and the language thread on the other. */
import { randomUUID } from "node:crypto";
import { Session } from "node:inspector";
import { setTimeout as sleep } from "node:timers/promises";
import { type MessagePort, parentPort, receiveMessageOnPort, Worker, workerData } from "node:worker_threads";
import type { Router, XPublisher } from "zeromq";
import { readConnection } from "./connection.js";
import type { KernelOptions, ToSession } from "./messages.js";
import { Cells } from "./protocol/cell.js";
import { CellRunner } from "./protocol/cell-runner.js";
import { CommRouter } from "./protocol/comm-router.js";
import { History } from "./protocol/history.js";
import { InputDesk } from "./protocol/input-desk.js";
import { Interrupter } from "./protocol/interrupter.js";
import { kernelInfo } from "./protocol/kernel-info.js";
import { LanguageLink } from "./protocol/language-link.js";
import { log } from "./protocol/log.js";
import { Outbox } from "./protocol/outbox.js";
import { Publisher } from "./protocol/publisher.js";
import { ReplayGuard } from "./protocol/replay-guard.js";
import { type RequestChannel, Server } from "./protocol/server.js";
import { listenToSession } from "./protocol/session-link.js";
import { beat, bindSockets } from "./protocol/sockets.js";
import { listenToSupervisor } from "./protocol/supervisor-pipe.js";
import { decodeMessage, signatureOf } from "./wire.js";

/** What the main thread gives this one. */
export type ProtocolData = {
  connectionFile: string;
  options: KernelOptions;
  /** To the session. */
  port: MessagePort;
  inputMemory: SharedArrayBuffer;
  wish: SharedArrayBuffer;
  /** A launcher holds the other end of file descriptor 3. */
  supervised: boolean;
};

/** How long a shutdown waits for the main thread, in each of its two steps. */
const END_MS = 1000;
/** How long zeromq's own thread may take to hand the last messages to the network. */
const LINGER_MS = 20;

const { connectionFile, options, port, inputMemory, wish, supervised } = workerData as ProtocolData;
const connection = readConnection(connectionFile);
const { key } = connection;
const session = randomUUID();
const sockets = await bindSockets(connection);
process.on("uncaughtException", (error) => log(error.stack ?? String(error))); // one bad message must not end the kernel
const outboxes = {
  shell: new Outbox(sockets.shell),
  control: new Outbox(sockets.control),
  stdin: new Outbox(sockets.stdin),
  iopub: new Outbox(sockets.iopub),
};
const publisher = new Publisher(outboxes.iopub, session, key);
const post = (message: ToSession): void => port.postMessage(message);
const cells = new Cells();
const comms = new CommRouter(cells, publisher, post);
const history = new History();
const input = new InputDesk(inputMemory, outboxes.stdin, session, key);
const language = new LanguageLink(() => new Worker(new URL("./language-worker.js", import.meta.url), { workerData: { options } }));
const debuggerSession = new Session();
debuggerSession.connectToMainThread();
const terminate = (): Promise<void> => new Promise((resolve) => debuggerSession.post("Runtime.terminateExecution", () => resolve()));
const interrupter = new Interrupter(post, terminate, new Int32Array(wish));
const runner: CellRunner = new CellRunner({
  cells,
  publisher,
  language,
  interrupter,
  history,
  post,
  reply: (request, type, content, metadata) => server.reply("shell", request, type, content, metadata),
  strict: options.strict,
});
const server = new Server({
  session,
  key,
  outboxes,
  publisher,
  runner,
  comms,
  input,
  history,
  language,
  info: kernelInfo(),
  ports: Object.fromEntries(Object.entries(connection.ports).map(([name, value]) => [`${name === "heartbeat" ? "hb" : name}_port`, value])),
  interrupt,
  end,
});
listenToSession(port, { cells, publisher, input, interrupter, comms });
if (supervised) listenToSupervisor({ interrupt, end, gone: () => process.kill(process.pid, "SIGKILL") });

const guard = new ReplayGuard();
void beat(sockets.heartbeat);
void welcome(sockets.iopub);
void receive("stdin", sockets.stdin);
void receive("control", sockets.control);
void receive("shell", sockets.shell);
publisher.status({}, "starting");

/** Reads a socket for ever. What is malformed, forged or a repetition is dropped with a line in the log. */
async function receive(channel: RequestChannel, socket: Router): Promise<void> {
  for await (const frames of socket) {
    try {
      const message = decodeMessage(frames, key);
      if (key) guard.admit(signatureOf(frames));
      server.receive(channel, message);
      if (message.header.msg_type === "kernel_info_request") setImmediate(() => language.warm()); // the first answer does not wait for TypeScript
    } catch (error) {
      log(`${channel}: ${(error as Error).message}; dropped`);
    }
  }
}

/** Tells each subscriber that it is heard: from then on it misses nothing. */
async function welcome(iopub: XPublisher): Promise<void> {
  for await (const [frame] of iopub) {
    if (frame?.[0] === 1) publisher.publish("iopub_welcome", {}, { subscription: frame.toString("utf8", 1) });
  }
}

function interrupt(): void {
  input.interrupt();
  const last = comms.last;
  runner
    .interrupt()
    .then(() => comms.giveUp(last))
    .catch((error: Error) => log(`an interrupt failed: ${error.stack}`));
}

let ending = false;

/** Stops what runs, then asks the main thread to exit, then insists. */
async function end(): Promise<void> {
  if (ending) return;
  ending = true;
  input.interrupt();
  await Promise.race([interrupter.interrupt(), sleep(END_MS)]);
  parentPort?.postMessage("exit");
  await sleep(END_MS);
  process.kill(process.pid, "SIGKILL");
}

/** The main thread exits and waits for this one: what was said is sent, and every native handle is let go. */
async function close(flag: Int32Array): Promise<void> {
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) port.emit("message", next.message);
  publisher.flush();
  await Promise.all(Object.values(outboxes).map((outbox) => outbox.drained()));
  debuggerSession.disconnect();
  for (const socket of Object.values(sockets)) socket.close(); // zeromq's own thread writes what is left
  await sleep(LINGER_MS);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}
parentPort?.on("message", (flag: Int32Array) => void close(flag));
