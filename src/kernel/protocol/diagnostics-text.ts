import type { CellDiagnostic, CellError } from "../messages.js";

const RED = "\u001b[31m";
const BOLD = "\u001b[1m";
const GREY = "\u001b[90m";
const PLAIN = "\u001b[0m";

/** Most diagnostics of one cell that are written out. */
const SHOWN = 20;

/** Diagnostics with the cell's lines and a mark under each place, coloured for a terminal. */
export function diagnosticsText(diagnostics: CellDiagnostic[], code: string): string {
  return `${diagnosticLines(diagnostics, code).join("\n")}\n`;
}

/** A cell that was not run, as Jupyter shows an error. */
export function diagnosticsError(ename: string, diagnostics: CellDiagnostic[], code: string): CellError {
  const first = diagnostics[0];
  const evalue = first ? `${first.message} (line ${first.line}, column ${first.column})` : "the cell cannot be read";
  return { ename, evalue, traceback: [`${RED}${BOLD}${ename}${PLAIN}: ${evalue}`, ...diagnosticLines(diagnostics, code)] };
}

function diagnosticLines(diagnostics: CellDiagnostic[], code: string): string[] {
  const source = code.split(/\r\n|[\n\r\u2028\u2029]/);
  const lines = diagnostics.slice(0, SHOWN).flatMap((diagnostic) => describe(diagnostic, source[diagnostic.line - 1] ?? ""));
  if (diagnostics.length > SHOWN) lines.push(`... and ${diagnostics.length - SHOWN} more`);
  return lines;
}

function describe({ message, code, line, column, endLine, endColumn }: CellDiagnostic, source: string): string[] {
  const length = Math.max(1, (endLine === line ? endColumn : source.length + 1) - column);
  const number = `${line} `;
  const shown = source.slice(0, 200);
  const place = `${GREY}line ${line}, column ${column}${PLAIN}`;
  const head = `${place} - ${RED}error${PLAIN} ${GREY}TS${code}:${PLAIN} ${message}`;
  if (column > shown.length + 1) return [head];
  const indent = shown.slice(0, column - 1).replace(/[^\t]/g, " ");
  const mark = "~".repeat(Math.min(length, Math.max(1, shown.length - column + 1)));
  return [head, `${GREY}${number}${PLAIN}${shown}`, `${" ".repeat(number.length)}${indent}${RED}${mark}${PLAIN}`];
}
