import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { ModuleKind, preProcessFile, ScriptTarget, transpileModule } from "typescript";
import { root } from "../src/setup/paths.mjs";

/** A process of its own that runs library code and can be killed: what a crash leaves behind is seen only so. */
export type ChildRunner = {
  /** Runs a script whose relative imports (`./src/files/write.js`) are the library's. `preload` is plain JavaScript that runs before it. */
  start(script: string, options?: { args?: string[]; preload?: string }): ChildProcess;
  /** Removes the compiled files. */
  dispose(): Promise<void>;
};

/** Compiles the files of `src` (named as `files/write.ts`) that a child needs, with all they import, into a temporary folder. */
export async function childRunner(...files: string[]): Promise<ChildRunner> {
  const folder = await mkdtemp(join(tmpdir(), "eqlab-child-"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  const waiting = files.map((file) => join(root, "src", file));
  for (const file of waiting) {
    const text = await readFile(file, "utf8");
    const target = join(folder, relative(root, file).replace(/\.ts$/, ".js"));
    await mkdir(dirname(target), { recursive: true });
    const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022, verbatimModuleSyntax: true };
    const { outputText } = transpileModule(text, { compilerOptions });
    await writeFile(target, outputText);
    for (const { fileName } of preProcessFile(outputText).importedFiles) {
      const imported = join(dirname(file), fileName.replace(/\.js$/, ".ts"));
      if (fileName.startsWith(".") && !waiting.includes(imported)) waiting.push(imported);
    }
  }
  return {
    start(script, { args = [], preload } = {}) {
      const load = preload ? ["--import", `data:text/javascript,${encodeURIComponent(preload)}`] : [];
      const main = ["--input-type=module", "--eval", script, "--", ...args];
      return spawn(process.execPath, [...load, ...main], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    },
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Waits for a child's end. */
export function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
}
