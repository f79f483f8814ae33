import { readFile } from "node:fs/promises";
import { type CodeCell, joined, type Notebook, newCellId, tagsOf } from "./file.js";

/** Values that a run puts into a notebook, by the names of its variables. JSON. */
export type Parameters = { [name: string]: unknown };

/** One `name=value`; the value is JSON, else text as it stands. @throws RangeError */
export function parseParameter(text: string): [name: string, value: unknown] {
  const [, name, value] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new RangeError(`parameter: expected name=value, got ${JSON.stringify(text)}`);
  checkName(name);
  try {
    return [name, JSON.parse(value)];
  } catch {
    return [name, value];
  }
}

/** The parameters in a file that holds one JSON object. @throws RangeError */
export async function readParameters(path: string): Promise<Parameters> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new RangeError(`parameters: expected a JSON file: ${error.message}`);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RangeError(`${path}: expected JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RangeError(`${path}: expected one JSON object of parameters by name, got ${text.trim().slice(0, 40)}`);
  }
  for (const name of Object.keys(value)) checkName(name);
  return value as Parameters;
}

/**
 * Adds a cell tagged `injected-parameters` that sets the values: after the cell tagged `parameters`, which declares them with their defaults,
 * or as the first cell, which then declares them itself. One from an earlier run is replaced. The metadata notes the values as papermill does.
 * @throws RangeError where the `parameters` cell does not declare the name, or declares it `const`.
 */
export async function injectParameters(notebook: Notebook, parameters: Parameters, language = "typescript"): Promise<void> {
  const python = language === "python";
  if (!python && !["typescript", "javascript"].includes(language)) {
    throw new RangeError(`parameters: expected a kernel of TypeScript, JavaScript or Python, got ${language}`);
  }
  const cells = notebook.cells.filter((cell) => !tagsOf(cell).includes("injected-parameters"));
  const at = cells.findIndex((cell) => cell.cell_type === "code" && tagsOf(cell).includes("parameters"));
  const names = Object.keys(parameters);
  if (at >= 0 && !python) await checkDeclared(joined(cells[at]!.source), names);
  const assign = (name: string): string => {
    if (python) return `${name} = ${pythonLiteral(parameters[name])}`;
    return `${at >= 0 ? "" : "let "}${name} = ${JSON.stringify(parameters[name])};`;
  };
  const cell: CodeCell = {
    cell_type: "code",
    ...(notebook.nbformat_minor >= 5 && { id: newCellId() }),
    source: [python ? "# Parameters" : "// Parameters", ...names.map(assign)].join("\n").split(/(?<=\n)/),
    metadata: { tags: ["injected-parameters"] },
    execution_count: null,
    outputs: [],
  };
  notebook.cells = cells.toSpliced(at + 1, 0, cell);
  notebook.metadata.papermill = { ...(notebook.metadata.papermill as object | undefined), parameters };
}

const RESERVED = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function
  if implements import in instanceof interface let new null package private protected public return static super switch this throw true try
  typeof undefined var void while with yield`.split(/\s+/),
);

/** The name becomes code, so it must be nothing but a name. */
function checkName(name: string): void {
  if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) && !RESERVED.has(name)) return;
  throw new RangeError(`parameter: expected the name of a variable, got ${JSON.stringify(name)}`);
}

/** A misspelt parameter would change nothing, silently. */
async function checkDeclared(code: string, names: string[]): Promise<void> {
  const { default: ts } = await import("typescript");
  const file = ts.createSourceFile("parameters.ts", code, ts.ScriptTarget.ESNext);
  const declared = new Map<string, "const" | "let">();
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    const { declarations, flags } = statement.declarationList;
    const kind = flags & ts.NodeFlags.Const ? "const" : "let";
    for (const { name } of declarations) if (ts.isIdentifier(name)) declared.set(name.text, kind);
  }
  for (const name of names) {
    const kind = declared.get(name);
    if (kind === "let") continue;
    if (kind === "const")
      throw new RangeError(`parameter ${name}: expected \`let ${name}\` in the cell tagged "parameters", got const. Write let.`);
    const known = [...declared.keys()].join(", ") || "none";
    throw new RangeError(`parameter ${name}: expected one that the cell tagged "parameters" declares (${known}). Declare it there.`);
  }
}

function pythonLiteral(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${pythonLiteral(item)}`)
    .join(", ")}}`;
}
