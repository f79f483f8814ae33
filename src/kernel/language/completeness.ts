/** Whether Enter runs the text or adds a line to it. */

import type { Completeness } from "../messages.js";
import { parseErrors, prepareCell } from "../transform/prepare.js";
import { ts } from "./typescript.js";

/** Errors that only more text can mend, wherever they are reported: an open comment, an open template. */
const OPEN = new Set([1010, 1160]);

/** An open string or regular expression: its line is over, so that no further one can close it. */
const CLOSED = new Set([1002, 1161]);

const INDENT = "  ";

export function completeness(code: string): Completeness {
  const { text } = prepareCell(code);
  if (text.trim() === "") return { status: "complete", indent: "" };
  const errors = parseErrors(text);
  if (errors.length === 0) return { status: "complete", indent: "" };
  if (errors.some((error) => OPEN.has(error.code))) return { status: "incomplete", indent: "" };
  // What begins like a block may be an object. What ends too early is reported behind the last token.
  const last = lastTokenEnd(text);
  const wanting = endsEarly(errors, last) || (/^\s*\{/.test(text) && endsEarly(parseErrors(`(${text}`), last + 1));
  return wanting ? { status: "incomplete", indent: indent(text.slice(0, last)) } : { status: "invalid", indent: "" };
}

function endsEarly(errors: readonly ts.DiagnosticWithLocation[], last: number): boolean {
  return errors.every(({ code }) => !CLOSED.has(code)) && errors[0] !== undefined && errors[0].start >= last;
}

/** Where the last token ends, before comments. */
function lastTokenEnd(text: string): number {
  return ts.createSourceFile("cell.ts", text, ts.ScriptTarget.ES2023, false).endOfFileToken.getFullStart();
}

/** That of the last line, and one step more where a bracket was opened in it or where it stops in the middle. */
function indent(text: string): string {
  const line = text.slice(text.lastIndexOf("\n") + 1);
  const own = /^[^\S\n]*/.exec(line)![0];
  const middle = !/[,;\])}]$/.test(line) || /^\s*(?:\}\s*)?(?:else\s+)?(?:if|for|while)\b.*\)$/.test(line);
  return openBrackets(line) > 0 || middle ? own + INDENT : own;
}

function openBrackets(line: string): number {
  const scanner = ts.createScanner(ts.ScriptTarget.ES2023, true, ts.LanguageVariant.Standard, line);
  let open = 0;
  for (let token = scanner.scan(); token !== ts.SyntaxKind.EndOfFileToken; token = scanner.scan()) {
    if (OPENERS.has(token)) open += 1;
    else if (CLOSERS.has(token)) open = Math.max(0, open - 1);
  }
  return open;
}

const { OpenBraceToken, OpenBracketToken, OpenParenToken, CloseBraceToken, CloseBracketToken, CloseParenToken } = ts.SyntaxKind;
const OPENERS = new Set([OpenBraceToken, OpenBracketToken, OpenParenToken] as ts.SyntaxKind[]);
const CLOSERS = new Set([CloseBraceToken, CloseBracketToken, CloseParenToken] as ts.SyntaxKind[]);
