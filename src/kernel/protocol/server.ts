import type { LanguageRequests } from "../messages.js";
import { encodeMessage, type Message, newHeader } from "../wire.js";
import { type CellRunner, failed } from "./cell-runner.js";
import { toPoints, toUnits } from "./code-points.js";
import { CommRouter } from "./comm-router.js";
import type { History } from "./history.js";
import type { InputDesk } from "./input-desk.js";
import type { LanguageLink } from "./language-link.js";
import { log } from "./log.js";
import type { Outbox } from "./outbox.js";
import type { Publisher } from "./publisher.js";

export type RequestChannel = "shell" | "control" | "stdin";

type Content = Message["content"];

type Parts = {
  session: string;
  key: string;
  outboxes: { shell: Outbox; control: Outbox };
  publisher: Publisher;
  runner: CellRunner;
  comms: CommRouter;
  input: InputDesk;
  history: History;
  language: Pick<LanguageLink, "ask">;
  /** `kernel_info_reply` and `connect_reply`. */
  info: Content;
  ports: Content;
  /** Interrupts whatever runs. */
  interrupt: () => void;
  /** Ends the kernel, once what was said is sent. */
  end: () => void;
};

/** Says what to do with each request. Cells are run in turn; everything else is answered at once, also while a cell runs. */
export class Server {
  readonly #parts: Parts;
  readonly #answers: { [type: string]: (content: Content) => Content | Promise<Content> };

  constructor(parts: Parts) {
    this.#parts = parts;
    const { info, ports, history, comms } = parts;
    this.#answers = {
      kernel_info_request: () => info,
      connect_request: () => ({ status: "ok", ...ports }),
      history_request: (query) => ({ status: "ok", history: history.query(query) }),
      comm_info_request: ({ target_name }) => ({ status: "ok", comms: comms.info(target_name) }),
      complete_request: (content) => this.#complete(content),
      inspect_request: (content) => this.#inspect(content),
      is_complete_request: (content) => this.#isComplete(content),
    };
  }

  receive(channel: RequestChannel, request: Message): void {
    const type = request.header.msg_type;
    const { runner, input, comms } = this.#parts;
    if (channel === "stdin") {
      if (type === "input_reply") input.answer(request);
      else log(`stdin: expected input_reply, got ${type}; dropped`);
    } else if (type === "execute_request" && channel === "shell") runner.add(request);
    else if (type === "interrupt_request") {
      void this.#serve(channel, request, () => ({ status: "ok" }));
      this.#parts.interrupt();
    } else if (type === "shutdown_request") this.#shutdown(channel, request);
    else if (CommRouter.carries(type)) void this.#serve(channel, request, () => comms.receive(request).then(() => undefined));
    else if (this.#answers[type]) void this.#serve(channel, request, () => this.#answers[type]!(request.content));
    else if (type.endsWith("_request")) void this.#serve(channel, request, () => unsupported(type, request.content));
    else log(`${channel}: expected a request, got ${type}; dropped`);
  }

  /** Answers a request, on the channel where it came from. */
  reply(channel: "shell" | "control", request: Message, type: string, content: Content, metadata: Message["metadata"] = {}): void {
    const { outboxes, key, session } = this.#parts;
    const { identities, header: parent } = request;
    outboxes[channel].send(encodeMessage({ identities, header: newHeader(type, session), parent, metadata, content, buffers: [] }, key));
  }

  /** Busy, the answer where there is one, idle; and busy again for the cell that runs, since a client shows the last word. */
  async #serve(
    channel: "shell" | "control",
    request: Message,
    answer: () => Content | undefined | Promise<Content | undefined>,
  ): Promise<void> {
    const { publisher, runner } = this.#parts;
    publisher.status(request.header, "busy");
    let content: Content | undefined;
    try {
      content = await answer();
    } catch (error) {
      content = failed(error);
    }
    const type = request.header.msg_type;
    if (content && type.endsWith("_request")) this.reply(channel, request, type.replace(/_request$/, "_reply"), content);
    else if (content) log(`${type}: ${content.evalue}; dropped`);
    publisher.status(request.header, "idle");
    if (runner.running) publisher.status(runner.running.parent, "busy");
  }

  #shutdown(channel: "shell" | "control", request: Message): void {
    const content = { status: "ok", restart: request.content.restart === true };
    const { publisher, end } = this.#parts;
    publisher.status(request.header, "busy");
    publisher.publish("shutdown_reply", request.header, content);
    this.reply(channel, request, "shutdown_reply", content);
    publisher.status(request.header, "idle");
    end();
  }

  async #complete(content: Content): Promise<Content> {
    const { code, offset } = place(content);
    const { matches, start, end } = await this.#parts.language.ask("complete", { code, offset });
    const from = toPoints(code, start);
    const to = toPoints(code, end);
    return {
      status: "ok",
      matches: matches.map(({ text }) => text),
      cursor_start: from,
      cursor_end: to,
      metadata: { _jupyter_types_experimental: matches.map(({ text, type }) => ({ text, type, start: from, end: to })) },
    };
  }

  async #inspect(content: Content): Promise<Content> {
    const detail = content.detail_level === 1 ? 1 : 0;
    const inspection = await this.#parts.language.ask("inspect", { ...place(content), detail });
    return { status: "ok", found: inspection.found, data: inspection.found ? inspection.data : {}, metadata: {} };
  }

  async #isComplete(content: Content): Promise<Content> {
    const { status, indent } = await this.#parts.language.ask("isComplete", { code: text(content.code) });
    return status === "incomplete" ? { status, indent } : { status };
  }
}

/** The code of a question and the cursor's place in it, in UTF-16 units; the end where none is said. */
function place(content: Content): Parameters<LanguageRequests["complete"]>[0] {
  const code = text(content.code);
  const cursor = content.cursor_pos;
  return { code, offset: typeof cursor === "number" ? toUnits(code, cursor) : code.length };
}

function text(code: unknown): string {
  if (typeof code !== "string") throw new TypeError(`code: expected a string, got ${typeof code}`);
  return code;
}

function unsupported(type: string, content: Content): Content {
  const message = `${type}: expected a request that this kernel knows, got one that it does not support`;
  const error = { status: "error", ename: "NotImplementedError", evalue: message, traceback: [message] };
  if (type !== "debug_request") return error;
  const { seq = 0, command = "" } = content;
  return { ...error, type: "response", seq: 0, request_seq: seq, success: false, command, message };
}
