// A TypeScript notebook as a Python one: Kaggle's editor runs Python, the first cell turns every later one into TypeScript.
import ts from "typescript";

export const textOf = ({ source }) => (Array.isArray(source) ? source.join("") : source);
const linesOf = (text) => text.split(/(?<=\n)/);

/**
 * The wrapped notebook: one Python cell that brings everything, then the TypeScript cells as they are, without outputs.
 * `kaggle`: Kaggle's own folder; `secrets`: names of secrets that the cells get as environment variables.
 * @throws TypeError for what is no notebook
 */
export function wrap(notebook, { kaggle = "/kaggle", secrets = [] } = {}) {
  if (notebook?.nbformat !== 4 || !Array.isArray(notebook.cells)) throw new TypeError("notebook: expected format 4 with a list of cells");
  const cells = notebook.cells.map((cell) =>
    cell.cell_type === "code" ? { ...cell, metadata: {}, outputs: [], execution_count: null } : { ...cell, metadata: {} },
  );
  const first = {
    cell_type: "code",
    id: "eqlab-start",
    metadata: {},
    outputs: [],
    execution_count: null,
    source: linesOf(firstCell(kaggle, secrets)),
  };
  const title = cells[0]?.cell_type === "markdown" ? 1 : 0;
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { display_name: "Python 3", language: "python", name: "python3" },
      language_info: { name: "python", file_extension: ".py", mimetype: "text/x-python" },
    },
    cells: [...cells.slice(0, title), first, ...cells.slice(title)],
  };
}

/** Begins with `!`, so that it stays IPython's when it is run again. */
function firstCell(kaggle, secrets) {
  const options = secrets.map((name) => ` --secret ${name}`).join("");
  return [
    `!bash "$(find -L ${kaggle}/input -maxdepth 6 -name bootstrap.sh | head -n 1)" --python "{__import__('sys').executable}"`,
    'assert _exit_code == 0, "eqlab is not ready: the lines above say why"',
    "%load_ext eqlab_bridge",
    `%ts_start${options}`,
    "%ts_mode on",
    "# From here every cell is TypeScript; %%py at the top of a cell makes it Python.",
  ].join("\n");
}

/** What is wrong with a wrapped notebook, a sentence each: outputs, cells that are no TypeScript, a size that Kaggle may refuse. */
export function checkNotebook(text) {
  let notebook;
  try {
    notebook = JSON.parse(text);
  } catch (error) {
    return [`notebook: expected JSON, got a file that does not parse: ${error.message}`];
  }
  if (notebook.nbformat !== 4 || !Array.isArray(notebook.cells)) return ["notebook: expected format 4 with a list of cells"];
  const faults = [];
  if (notebook.metadata?.kernelspec?.language !== "python") faults.push("kernelspec: expected language python, which is what Kaggle runs");
  if (Buffer.byteLength(text) > LARGEST)
    faults.push(`notebook: expected at most ${LARGEST} bytes, got ${Buffer.byteLength(text)}; are there outputs or pictures in it?`);
  const code = notebook.cells.filter(({ cell_type }) => cell_type === "code");
  const start = code.findIndex((cell) => /^%ts_mode on$/m.test(textOf(cell)));
  if (start !== 0) faults.push("first code cell: expected the one that ends with %ts_mode on");
  code.forEach((cell, i) => {
    if (cell.outputs?.length || cell.execution_count != null) faults.push(`code cell ${i + 1}: expected no outputs; strip them`);
    if (i === start || /^\s*%%py\s/.test(textOf(cell))) return;
    if (/^\s*[%!]/.test(textOf(cell)))
      faults.push(`code cell ${i + 1}: expected TypeScript, got a cell that begins with % or !: IPython would take it`);
    else faults.push(...syntaxFaults(textOf(cell)).map((fault) => `code cell ${i + 1}, ${fault}`));
  });
  return faults;
}

const LARGEST = 1 << 20;

function syntaxFaults(code) {
  const { diagnostics = [] } = ts.transpileModule(`${code}\nexport {};`, {
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext },
  });
  return diagnostics.map(({ file, start = 0, messageText }) => {
    const { line, character } = file.getLineAndCharacterOfPosition(start);
    return `line ${line + 1}:${character + 1}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}
