/** A cell's text as the parser shall see it. */
import { ts } from "../language/typescript.js";

/** Where a parenthesis was put before an object literal: its offset and its line (from 0), the literal being the first thing on the line. */
export type Wrapped = { start: number; line: number };

export type PreparedCell = {
  /** The cell, in which only what `wrapped` says has moved, by one. */
  text: string;
  wrapped: Wrapped | undefined;
};

/**
 * A cell that ends in `{ a: 1 }` means the object, not a block with a label: it is put in parentheses. A first line `#!...` becomes a comment
 * of the same length.
 */
export function prepareCell(code: string): PreparedCell {
  const text = code.replace(/^#!/, "//").replace(/^\uFEFF/, " ");
  const start = /\}[\s;]*(?:\/\/[^\n]*\s*|\/\*[\s\S]*\*\/\s*)*$/.test(text) ? lastBlock(text) : undefined;
  if (start === undefined) return { text, wrapped: undefined };
  const before = text.slice(0, start);
  const end = objectEnd(text.slice(start));
  if (end === undefined) return { text, wrapped: undefined };
  const wrapped = { start, line: before.split(/\r\n|[\n\r\u2028\u2029]/).length - 1 };
  return { text: `${before}(${text.slice(start, start + end)})${text.slice(start + end)}`, wrapped };
}

/** The offset in the cell of an offset in the prepared text. */
export function originalOffset({ wrapped }: Pick<PreparedCell, "wrapped">, offset: number): number {
  return wrapped && offset > wrapped.start ? offset - 1 : offset;
}

/** Where the cell's last statement begins, if that is a block alone on its line. */
function lastBlock(text: string): number | undefined {
  const file = ts.createSourceFile("cell.ts", text, ts.ScriptTarget.ES2023, false);
  const last = file.statements.findLast((statement) => !ts.isEmptyStatement(statement));
  if (!last || !ts.isBlock(last)) return undefined;
  const start = last.getStart(file);
  return /(^|[\n\r])[^\S\n\r]*(\/\*.*\*\/)?[^\S\n\r]*$/.test(text.slice(0, start)) ? start : undefined;
}

/** The length of the object literal that `text` is, if it is one with something in it. */
function objectEnd(text: string): number | undefined {
  const file = ts.createSourceFile("object.ts", `(${text.replace(/[\s;]+$/, "")}\n)`, ts.ScriptTarget.ES2023, false);
  const [only, ...others] = file.statements;
  if (errorsOf(file).length > 0 || others.length > 0) return undefined;
  if (!only || !ts.isExpressionStatement(only) || !ts.isParenthesizedExpression(only.expression)) return undefined;
  const { expression } = only.expression;
  return ts.isObjectLiteralExpression(expression) && expression.properties.length > 0 ? expression.end - 1 : undefined;
}

/** What the parser has to say. */
export function parseErrors(text: string): ts.DiagnosticWithLocation[] {
  return errorsOf(ts.createSourceFile("cell.ts", text, ts.ScriptTarget.ES2023, false));
}

/** The parser keeps them on the file; only a program would hand them out. */
function errorsOf(file: ts.SourceFile): ts.DiagnosticWithLocation[] {
  return (file as unknown as { parseDiagnostics: ts.DiagnosticWithLocation[] }).parseDiagnostics;
}
