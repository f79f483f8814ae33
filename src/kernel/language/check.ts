/** A cell's type errors, in its own lines. */

import type { CellDiagnostic } from "../messages.js";
import { cellDiagnostic } from "../transform/syntax-diagnostics.js";
import type { CellModule } from "./cells.js";
import { ts } from "./typescript.js";

/**
 * What is no mistake in a notebook: a package without types, a variable whose type only later cells make clear, top-level await, imports of
 * `.ts` files, several default exports, and the hidden form of a cell as a module.
 */
const SILENT = new Set([
  7016, 7005, 7034, 1375, 1378, 1431, 1432, 2691, 5097, 2528, 2309, 1203, 1202, 2323, 2484, 7022, 1148, 1208, 6133, 6192, 6196,
]);

export function checkCell(service: ts.LanguageService, module: CellModule): CellDiagnostic[] {
  if (/^\s*\/\/\s*@ts-nocheck\b/.test(module.prepared.text)) return [];
  const { prepared, offset } = module;
  const { wrapped, text } = prepared;
  const original = wrapped ? text.slice(0, wrapped.start) + text.slice(wrapped.start + 1) : text;
  const file = ts.createSourceFile("cell.ts", original, ts.ScriptTarget.ES2023, false);
  return service
    .getSemanticDiagnostics(module.path)
    .filter(({ start, code }) => start !== undefined && start >= offset && !SILENT.has(code))
    .map((diagnostic) => cellDiagnostic({ ...diagnostic, start: diagnostic.start! - offset }, prepared, file));
}
