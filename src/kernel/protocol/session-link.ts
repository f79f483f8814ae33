import type { MessagePort } from "node:worker_threads";
import type { FromSession, ToSession } from "../messages.js";
import type { Cell, Cells } from "./cell.js";
import type { CommRouter } from "./comm-router.js";
import type { InputDesk } from "./input-desk.js";
import type { Interrupter } from "./interrupter.js";
import { log } from "./log.js";
import type { Publisher } from "./publisher.js";

export type SessionListeners = { cells: Cells; publisher: Publisher; input: InputDesk; interrupter: Interrupter; comms: CommRouter };

/** Hears the main thread, and says on iopub what it says. */
export function listenToSession(port: MessagePort, parts: SessionListeners): void {
  port.on("message", (message: FromSession) => {
    try {
      hearSession(message, parts);
    } catch (error) {
      log(`a ${message.kind} message of the session failed: ${(error as Error).stack}`);
    }
  });
}

/** Sends the main thread something to do. */
export type Post = (message: ToSession) => void;

/** What one message of the main thread means for the clients. */
export function hearSession(message: FromSession, { cells, publisher, input, interrupter, comms }: SessionListeners): void {
  if (message.kind === "ready") return;
  if (message.kind === "acknowledged") {
    interrupter.acknowledged(message.id);
    return;
  }
  const cell = cells.get(message.cell) ?? NOBODY;
  switch (message.kind) {
    case "started":
      break;
    case "stream":
      if (!cell.silent) publisher.stream(cell.parent, message.name, message.text);
      break;
    case "display":
      if (!cell.silent) publisher.display(cell.parent, message.data, message.metadata, message.displayId, message.update);
      break;
    case "clear":
      if (!cell.silent) publisher.clear(cell.parent, message.wait);
      break;
    case "result":
      if (cell.silent) break;
      publisher.result(cell.parent, cell.count, message.data, message.metadata);
      cell.output = typeof message.data["text/plain"] === "string" ? message.data["text/plain"] : null;
      break;
    case "error":
      if (!cell.silent) publisher.error(cell.parent, message.error);
      break;
    case "done":
      cell.done?.({ outcome: message.outcome, userExpressions: message.userExpressions });
      break;
    case "comm":
      comms.publish(cell, message.message);
      break;
    case "handled":
      comms.handled(message.cell);
      break;
    case "input":
      publisher.flush(); // what was printed before the question is seen before it
      input.ask(cell, message.prompt, message.password);
      break;
    default:
      message satisfies never;
  }
}

/** Output whose request is forgotten, or that none caused. */
const NOBODY: Cell = { number: 0, parent: {}, identities: [], silent: false, allowStdin: false, count: 0, output: null, done: undefined };
