// A kernel for tests of clients. A cell is JavaScript that says what the kernel sends: `send(type, content)` publishes, `reply(content)` is the
// answer, `ask(prompt)` asks the client, `interrupted` is a promise, `raw(frames)` publishes anything. argv: connection file, then milliseconds to wait.
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Publisher, Reply, Router } from "zeromq";

const [, , file, wait = "0"] = process.argv;
await sleep(Number(wait));
const connection = JSON.parse(readFileSync(file, "utf8"));
const iopub = new Publisher({ sendHighWaterMark: 0, linger: 200 });
const [shell, control, stdin] = [new Router(), new Router(), new Router()];
const heart = new Reply();
await Promise.all(
  Object.entries({ iopub, shell, control, stdin, hb: heart }).map(([name, socket]) =>
    socket.bind(`tcp://${connection.ip}:${connection[`${name}_port`]}`),
  ),
);

let sending = Promise.resolve();
const post = (socket, frames) => {
  sending = sending.then(() => socket.send(frames));
  return sending;
};
const pack = (type, content, parent = {}, buffers = [], identities = []) => {
  const header = {
    msg_id: randomUUID(),
    session: "fake",
    username: "fake",
    date: new Date().toISOString(),
    msg_type: type,
    version: "5.4",
  };
  const parts = [header, parent, {}, content].map((part) => JSON.stringify(part));
  const hmac = createHmac("sha256", connection.key);
  for (const part of parts) hmac.update(part);
  return [...identities, "<IDS|MSG>", hmac.digest("hex"), ...parts, ...buffers];
};
const parse = (frames) => {
  const at = frames.findIndex((frame) => String(frame) === "<IDS|MSG>");
  const [header, , , content] = frames.slice(at + 2, at + 6).map((frame) => JSON.parse(String(frame)));
  return { identities: frames.slice(0, at), header, content, buffers: frames.slice(at + 6) };
};

let count = 0;
let answer = () => {};
let stop = () => {};
process.on("SIGINT", () => stop("signal"));

async function execute(request) {
  const { header, identities, content } = request;
  const send = (type, body, { parent = header, buffers = [] } = {}) => post(iopub, pack(type, body, parent, buffers));
  const context = {
    send,
    request,
    raw: (frames) => post(iopub, frames),
    reply: (body) => post(shell, pack("execute_reply", { execution_count: count, ...body }, header, [], identities)),
    idle: () => send("status", { execution_state: "idle" }),
    interrupted: new Promise((resolve) => {
      stop = resolve;
    }),
    ask: (prompt, password = false) => {
      post(stdin, pack("input_request", { prompt, password }, header, [], identities));
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    sleep,
  };
  count++;
  send("execute_input", { code: content.code, execution_count: count });
  const cell = new (async () => {}).constructor(...Object.keys(context), content.code);
  try {
    return (await cell(...Object.values(context))) ?? { status: "ok" };
  } catch (error) {
    const failure = { ename: error.name, evalue: error.message, traceback: [`${error.name}: ${error.message}`] };
    send("error", failure);
    return { status: "error", ...failure };
  }
}

const answers = {
  kernel_info_request: () => ({ status: "ok", implementation: "fake", language_info: { name: "typescript", file_extension: ".ts" } }),
  interrupt_request: () => stop("message"),
  shutdown_request: () => void setTimeout(() => process.exit(0), 20),
  comm_info_request: () => ({ comms: { abc: { target_name: "jupyter.widget" } } }),
  complete_request: ({ content }) => ({ matches: [`${content.code}!`], cursor_start: 0, cursor_end: content.cursor_pos }),
  execute_request: execute,
};

async function serve(socket) {
  for await (const frames of socket) {
    const request = parse(frames);
    const type = request.header.msg_type;
    post(iopub, pack("status", { execution_state: "busy" }, request.header));
    const handled = async () => {
      const content = type in answers ? await answers[type](request) : {};
      if (type.startsWith("comm_") && type !== "comm_info_request") return; // no answer
      if (content === "silent") return; // a cell that replies by itself
      post(
        socket,
        pack(type.replace("_request", "_reply"), { execution_count: count, ...content }, request.header, [], request.identities),
      );
      post(iopub, pack("status", { execution_state: "idle" }, request.header));
    };
    if (type === "execute_request") await handled();
    else void handled();
  }
}
async function listen() {
  for await (const frames of stdin) answer(parse(frames).content.value);
}
async function beat() {
  for await (const frames of heart) await heart.send(frames);
}
await Promise.all([serve(shell), serve(control), listen(), beat()]);
