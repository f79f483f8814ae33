import { randomUUID } from "node:crypto";
import type { CellDiagnostic, FromSession, ToSession, Transformed } from "../../src/kernel/messages.js";
import { Cells } from "../../src/kernel/protocol/cell.js";
import { CellRunner } from "../../src/kernel/protocol/cell-runner.js";
import { CommRouter } from "../../src/kernel/protocol/comm-router.js";
import { History } from "../../src/kernel/protocol/history.js";
import { InputDesk } from "../../src/kernel/protocol/input-desk.js";
import { Interrupter } from "../../src/kernel/protocol/interrupter.js";
import { Outbox } from "../../src/kernel/protocol/outbox.js";
import { Publisher } from "../../src/kernel/protocol/publisher.js";
import { type RequestChannel, Server } from "../../src/kernel/protocol/server.js";
import { hearSession } from "../../src/kernel/protocol/session-link.js";
import { decodeMessage, type Message, newHeader } from "../../src/kernel/wire.js";

/** What the fake main thread does with a message; it answers through `say`. */
export type FakeSession = (message: ToSession, say: (message: FromSession) => void) => void;

export type FakeLanguage = {
  transform?: (code: string) => Transformed | Promise<Transformed>;
  check?: (code: string) => CellDiagnostic[] | Promise<CellDiagnostic[]>;
};

/** The protocol side without sockets and threads: `sent` has all that it sends, in order, with the channel. */
export function fakeKernel(session: FakeSession, language: FakeLanguage = {}, strict = false) {
  const sent: { channel: string; type: string; content: Message["content"]; message: Message }[] = [];
  const outbox = (channel: string): Outbox =>
    new Outbox({
      async send(frames) {
        const message = decodeMessage(
          frames.map((frame) => Buffer.from(frame as string)),
          "key",
        );
        sent.push({ channel, type: message.header.msg_type, content: message.content, message });
      },
    });
  const outboxes = { shell: outbox("shell"), control: outbox("control") };
  const publisher = new Publisher(outbox("iopub"), "kernel", "key");
  const cells = new Cells();
  const post = (message: ToSession): void => {
    setImmediate(() => session(message, say));
  };
  const comms = new CommRouter(cells, publisher, post);
  const memory = new SharedArrayBuffer(64);
  const input = new InputDesk(memory, outbox("stdin"), "kernel", "key");
  const interrupter = new Interrupter(post, async () => {}, new Int32Array(2), { acknowledgeMs: 50, patientMs: 100, againMs: 20 });
  const say = (message: FromSession): void => hearSession(message, { cells, publisher, input, interrupter, comms });
  const history = new History();
  const answers: { [method: string]: (params: { code: string }) => unknown } = {
    transform: ({ code }) => language.transform?.(code) ?? { kind: "code", code, map: "" },
    check: ({ code }) => language.check?.(code) ?? [],
    expression: ({ code }) => (code === "(" ? { kind: "syntax", diagnostics: [] } : { kind: "code", code, map: "" }),
    complete: ({ code }) => ({ matches: [{ text: "log", type: "method" }], start: code.length - 1, end: code.length }),
    inspect: () => ({ found: false }),
    isComplete: () => ({ status: "incomplete", indent: "  " }),
  };
  const ask = async (method: string, params: unknown): Promise<never> => (await answers[method]!(params as { code: string })) as never;
  const runner: CellRunner = new CellRunner({
    cells,
    publisher,
    language: { ask },
    interrupter,
    history,
    post,
    reply: (request, type, content, metadata) => server.reply("shell", request, type, content, metadata),
    strict,
  });
  let ended = false;
  const server = new Server({
    session: "kernel",
    key: "key",
    outboxes,
    publisher,
    runner,
    comms,
    input,
    history,
    language: { ask },
    info: { status: "ok" },
    ports: { shell_port: 1 },
    interrupt: () => {
      input.interrupt();
      void runner.interrupt();
    },
    end: () => {
      ended = true;
    },
  });
  return {
    sent,
    memory,
    get ended() {
      return ended;
    },
    /** Sends a request and returns its id. */
    ask(type: string, content: Message["content"] = {}, channel: RequestChannel = "shell", buffers: Buffer[] = []): string {
      const header = { ...newHeader(type, "client"), msg_id: randomUUID() };
      server.receive(channel, { identities: [Buffer.from("client")], header, parent: {}, metadata: {}, content, buffers });
      return header.msg_id;
    },
    /** What was sent because of one request: "type" or "type state". */
    story(id: string): string[] {
      return sent
        .filter(({ message }) => message.parent.msg_id === id)
        .map(({ type, content }) => `${type} ${content.execution_state ?? ""}`.trim());
    },
    /** The reply to a request. */
    reply(id: string): Message["content"] | undefined {
      return sent.find(({ channel, message }) => channel !== "iopub" && message.parent.msg_id === id)?.content;
    },
  };
}

/** A main thread that answers everything at once: "throw" fails, "wait" never ends, anything else prints itself and has it as its value. */
export const obedient: FakeSession = (message, say) => {
  if (message.kind === "interrupt" || message.kind === "ping") say({ kind: "acknowledged", id: message.id });
  if (message.kind === "comm") say({ kind: "handled", cell: message.cell });
  if (message.kind !== "execute") return;
  const { cell, code } = message;
  say({ kind: "started", cell });
  if (code === "wait") return;
  if (code === "throw") {
    say({
      kind: "done",
      cell,
      outcome: { status: "error", ename: "Error", evalue: "thrown", traceback: ["Error: thrown"] },
      userExpressions: {},
    });
    return;
  }
  say({ kind: "stream", cell, name: "stdout", text: `${code}\n` });
  say({ kind: "result", cell, data: { "text/plain": code }, metadata: {} });
  const values = Object.fromEntries(Object.keys(message.userExpressions).map((name) => [name, { status: "ok", data: {}, metadata: {} }]));
  say({ kind: "done", cell, outcome: { status: "ok" }, userExpressions: values });
};
