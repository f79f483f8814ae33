import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { FormatError } from "../core/errors.js";
import { require } from "../core/tf.js";
import { writeFileSafely } from "../files/write.js";
import { root } from "../setup/paths.mjs";

type Notebook = { cells: { cell_type: string; source: string | string[] }[] };

/** The code cells of a notebook as one TypeScript module. @throws FormatError for a file that is no notebook. */
export async function cellsOf(file: string): Promise<string[]> {
  const notebook = JSON.parse(await readFile(file, "utf8")) as Notebook;
  if (!Array.isArray(notebook.cells)) throw new FormatError(`${file}: expected a notebook with a list of cells`);
  return notebook.cells
    .filter(({ cell_type }) => cell_type === "code")
    .map(({ source }) => (Array.isArray(source) ? source.join("") : source));
}

/**
 * Runs a notebook's cells one after the other in plain Node, without Jupyter: the same stages, the same files, no executed notebook.
 * @throws Error where a cell throws.
 */
export async function runCells(file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const ts = require("typescript") as typeof import("typescript");
  const code = (await cellsOf(file)).map((cell, i) => `console.log("  cell ${i + 1}");\n${cell}`).join("\n\n");
  const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
  // Below the project's folder, so that `import "eqlab"` finds it.
  const script = join(root, ".eqlab", "cells", basename(file).replace(/\.ipynb$/, ".mjs"));
  await writeFileSafely(script, outputText);
  await runProgram(process.execPath, [script], { ...process.env, ...env });
}

/** Runs a program with its output going to ours. @throws Error where it fails. */
export function runProgram(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${basename(args[0] ?? command)} ended with ${signal ?? `exit code ${code}`}`)),
    );
  });
}
