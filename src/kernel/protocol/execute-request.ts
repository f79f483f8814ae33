import type { Message } from "../wire.js";

/** An `execute_request`'s content, with the protocol's defaults. */
export type ExecuteSettings = {
  code: string;
  silent: boolean;
  storeHistory: boolean;
  userExpressions: { [name: string]: string };
  allowStdin: boolean;
  stopOnError: boolean;
};

/** @throws TypeError where `code` is no string or `user_expressions` is no object of strings. */
export function executeSettings({ content }: Message): ExecuteSettings {
  const { code, silent = false, store_history = true, user_expressions, allow_stdin = true, stop_on_error = true } = content;
  if (typeof code !== "string") throw new TypeError(`execute_request code: expected a string, got ${typeof code}`);
  const expressions = user_expressions ?? {};
  if (typeof expressions !== "object" || !Object.values(expressions).every((expression) => typeof expression === "string")) {
    throw new TypeError("execute_request user_expressions: expected an object of strings, got something else");
  }
  return {
    code,
    silent: silent === true,
    storeHistory: store_history !== false && silent !== true,
    userExpressions: expressions as { [name: string]: string },
    allowStdin: allow_stdin !== false,
    stopOnError: stop_on_error !== false,
  };
}

/** Whether type errors stop the cell: what its first line says (`// @strict`, `// @loose`), else what the kernel was told. */
export function isStrict(code: string, strict: boolean): boolean {
  const word = /^\s*\/\/\s*@(strict|loose)\b/.exec(code)?.[1];
  return word === undefined ? strict : word === "strict";
}
