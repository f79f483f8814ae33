/** TypeScript's diagnostics in a cell's own lines. */
import { ts } from "../language/typescript.js";
import type { CellDiagnostic } from "../messages.js";
import { originalOffset, type PreparedCell } from "./prepare.js";

const categories = ["warning", "error", "suggestion", "suggestion"] as const;

/** Those that have a place, each place once, in the order of the text. */
export function syntaxDiagnostics(diagnostics: readonly ts.Diagnostic[], cell: PreparedCell): CellDiagnostic[] {
  const file = ts.createSourceFile("cell.ts", withoutParenthesis(cell), ts.ScriptTarget.ES2023, false);
  return diagnostics.filter(({ start }) => start !== undefined).map((diagnostic) => cellDiagnostic(diagnostic, cell, file));
}

/** `file` has the cell's text as it was given. */
export function cellDiagnostic(diagnostic: ts.Diagnostic, cell: Pick<PreparedCell, "wrapped">, file: ts.SourceFileLike): CellDiagnostic {
  const end = file.text.length;
  const start = Math.min(originalOffset(cell, diagnostic.start ?? 0), end);
  const stop = Math.min(originalOffset(cell, (diagnostic.start ?? 0) + (diagnostic.length ?? 0)), end);
  const from = ts.getLineAndCharacterOfPosition(file, start);
  const to = ts.getLineAndCharacterOfPosition(file, stop);
  return {
    category: categories[diagnostic.category]!,
    code: diagnostic.code,
    message: ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"),
    line: from.line + 1,
    column: from.character + 1,
    endLine: to.line + 1,
    endColumn: to.character + 1,
  };
}

function withoutParenthesis({ text, wrapped }: PreparedCell): string {
  return wrapped ? text.slice(0, wrapped.start) + text.slice(wrapped.start + 1) : text;
}
