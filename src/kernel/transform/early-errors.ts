/** Errors that JavaScript finds before it runs anything, but TypeScript's parser does not: a name declared twice, `break` outside a loop. */
import { SourceMap, type SourceMapPayload } from "node:module";
import { Script } from "node:vm";
import { ts } from "../language/typescript.js";
import type { CellDiagnostic } from "../messages.js";

/** The first one, in the cell's lines; `text` is the cell, for errors of statements that may stand in functions only. */
export function earlyError(js: string, map: string, text: string): CellDiagnostic | undefined {
  if (text.includes("return")) {
    const place = outerReturn(text);
    if (place) return diagnostic("A 'return' statement can only be used within a function body.", 1108, place.line, place.character, 6);
  }
  try {
    // Never called. A function of its own, because top-level await is known to REPL mode and to modules only.
    new Script(`async()=>{${js}}`, { filename: "cell.js" });
    return undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [, line, column, length] = placeIn(error);
    const entry = new SourceMap(JSON.parse(map) as SourceMapPayload).findEntry(line - 1, column);
    const place = "originalLine" in entry ? entry : { originalLine: 0, originalColumn: 0 };
    return diagnostic(error.message, 0, place.originalLine, place.originalColumn, length);
  }
}

/** V8 writes `file:line`, the line, and carets below the place. */
function placeIn({ stack = "" }: SyntaxError): [string, number, number, number] {
  const [head = "", , carets = ""] = stack.split("\n");
  const line = Number(/:(\d+)$/.exec(head)?.[1] ?? 1);
  const column = carets.search(/\^/);
  const length = Math.max(carets.trim().length, 1);
  return [head, line, Math.max(line === 1 ? column - "async()=>{".length : column, 0), length];
}

function outerReturn(text: string): ts.LineAndCharacter | undefined {
  const file = ts.createSourceFile("cell.ts", text, ts.ScriptTarget.ES2023, false);
  const visit = (node: ts.Node): ts.Node | undefined =>
    ts.isReturnStatement(node) ? node : ts.isFunctionLike(node) || ts.isClassLike(node) ? undefined : ts.forEachChild(node, visit);
  const found = ts.forEachChild(file, visit);
  return found && file.getLineAndCharacterOfPosition(found.getStart(file));
}

function diagnostic(message: string, code: number, line: number, column: number, length: number): CellDiagnostic {
  const start = { line: line + 1, column: column + 1 };
  return { category: "error", code, message, ...start, endLine: line + 1, endColumn: column + 1 + length };
}
