/** One cell of TypeScript becomes JavaScript for V8's REPL mode. Syntax only: no types are asked for, no file is read. */
import { ts } from "./language/typescript.js";
import type { Transformed } from "./messages.js";
import { openDeclarations } from "./transform/declarations.js";
import { earlyError } from "./transform/early-errors.js";
import { kernelCalls } from "./transform/kernel-calls.js";
import { parseErrors, prepareCell } from "./transform/prepare.js";
import { syntaxDiagnostics } from "./transform/syntax-diagnostics.js";

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  sourceMap: true,
  removeComments: true,
  newLine: ts.NewLineKind.LineFeed,
};

export type TransformOptions = {
  /** What the source map calls the cell. */
  name?: string;
  /** What `import.meta` in a cell speaks of, absolute; the notebook's folder. */
  folder?: string;
};

/**
 * The cell as code for `Runtime.evaluate {replMode: true}`. It uses `__kernel`: `import(specifier)`, `wait(awaited)`, `iterate(source)`, and
 * puts the value of a last expression into `last`. Top-level declarations become `let`, so that later cells may make them anew and closures
 * see it; functions stand first.
 */
export function transformCell(code: string, { name = "cell.ts", folder = "/" }: TransformOptions = {}): Transformed {
  const cell = prepareCell(code);
  const mistakes = syntaxDiagnostics(parseErrors(cell.text), cell);
  if (mistakes.length > 0) return { kind: "syntax", diagnostics: mistakes };
  const { outputText, sourceMapText = "{}" } = ts.transpileModule(cell.text, {
    fileName: name,
    compilerOptions: options,
    transformers: { before: [kernelCalls({ folder, wrapped: cell.wrapped })], after: [openDeclarations] },
  });
  const js = outputText.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
  const error = earlyError(js, sourceMapText, cell.text);
  return error ? { kind: "syntax", diagnostics: [error] } : { kind: "code", code: js, map: sourceMapText };
}

/** One expression, for `user_expressions`: its value is left in `__kernel.last`, as a cell's. */
export function transformExpression(code: string, transformOptions: TransformOptions = {}): Transformed {
  const text = `(${code}\n)`;
  const file = ts.createSourceFile("expression.ts", text, ts.ScriptTarget.ES2023, false);
  const parseDiagnostics = parseErrors(text);
  const [only] = file.statements;
  const parenthesis = only && ts.isExpressionStatement(only) ? only.expression : undefined;
  if (parseDiagnostics.length === 0 && parenthesis && ts.isParenthesizedExpression(parenthesis) && parenthesis.end === text.length) {
    const transformed = transformCell(text, transformOptions);
    return transformed.kind === "code" ? { ...transformed, map: "" } : transformed;
  }
  const [first] = syntaxDiagnostics(parseDiagnostics, { text, wrapped: { start: 0, line: 0 } });
  const nowhere = { line: 1, column: 1, endLine: 1, endColumn: 1 };
  return { kind: "syntax", diagnostics: [first ?? { category: "error", code: 1109, message: "Expression expected.", ...nowhere }] };
}
