/**
 * Node's module hooks for local files, run on Node's own thread for them: TypeScript is compiled, and what has changed since it was loaded
 * gets a new URL (`?v=1`), so that importing it again loads it anew. Installed packages are left alone.
 */
import { readFileSync, statSync } from "node:fs";
import type { LoadHook, ResolveHook } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { CompilerOptions } from "typescript";

type LocalFile = {
  /** Time and size of what was seen last. */
  stamp: string;
  /** How often the file, or one that it imports, has changed. */
  generation: number;
  imports: Map<string, number>;
};

const files = new Map<string, LocalFile>();
const TYPESCRIPT = /\.[mc]?ts$/;
/** What `./x` may stand for, as TypeScript's bundler resolution has it; `./x.js` may be `./x.ts`. */
const ENDINGS = ["", ".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js"];

export const resolve: ResolveHook = async (specifier, context, next) => {
  const { parentURL } = context;
  if (!/^(\.{0,2}\/|file:)/.test(specifier) || !parentURL?.startsWith("file:") || parentURL.includes("/node_modules/"))
    return next(specifier, context);
  const path = findFile(fileURLToPath(new URL(specifier, parentURL)));
  if (path === undefined || path.includes("/node_modules/")) return next(specifier, context);
  const generation = currentGeneration(path, new Set());
  files.get(fileURLToPath(new URL(parentURL)))?.imports.set(path, generation);
  const url = pathToFileURL(path).href + (generation ? `?v=${generation}` : "");
  if (TYPESCRIPT.test(path)) return { url, format: path.endsWith(".cts") ? "commonjs" : "module", shortCircuit: true };
  return next(url, context);
};

export const load: LoadHook = async (url, context, next) => {
  if (!url.startsWith("file:") || url.includes("/node_modules/")) return next(url, context);
  const path = fileURLToPath(new URL(url));
  if (!TYPESCRIPT.test(path)) return next(url, context);
  const commonjs = path.endsWith(".cts");
  return { format: commonjs ? "commonjs" : "module", source: await compile(path, commonjs), shortCircuit: true };
};

function findFile(path: string): string | undefined {
  const written = ENDINGS.map((ending) => path + ending);
  const compiled = /\.([mc]?)js$/.exec(path);
  if (compiled) written.push(`${path.slice(0, -compiled[0].length)}.${compiled[1]}ts`);
  return written.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile());
}

/** Looks at the file, and at all that it imports, and counts up where something is not what was loaded. */
function currentGeneration(path: string, visiting: Set<string>): number {
  const { mtimeMs, size } = statSync(path);
  const stamp = `${mtimeMs} ${size}`;
  const file = files.get(path);
  if (!file) {
    files.set(path, { stamp, generation: 0, imports: new Map() });
    return 0;
  }
  if (visiting.has(path)) return file.generation;
  visiting.add(path);
  let changed = file.stamp !== stamp;
  for (const [imported, generation] of file.imports) {
    const gone = !statSync(imported, { throwIfNoEntry: false });
    if (gone || currentGeneration(imported, visiting) !== generation) changed = true;
  }
  if (changed) {
    file.generation += 1;
    file.stamp = stamp;
    file.imports.clear();
  }
  return file.generation;
}

/** @throws SyntaxError with the place in the file. */
async function compile(path: string, commonjs: boolean): Promise<string> {
  const { default: ts } = await import("typescript");
  const compilerOptions: CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: commonjs ? ts.ModuleKind.CommonJS : ts.ModuleKind.ESNext,
    inlineSourceMap: true,
    inlineSources: true,
    isolatedModules: true,
    esModuleInterop: true,
  };
  const { outputText, diagnostics = [] } = ts.transpileModule(readFileSync(path, "utf8"), {
    fileName: path,
    compilerOptions,
    reportDiagnostics: true,
  });
  const wrong = diagnostics.find(({ category }) => category === ts.DiagnosticCategory.Error);
  if (!wrong) return outputText;
  const { line, character } = wrong.file?.getLineAndCharacterOfPosition(wrong.start ?? 0) ?? { line: 0, character: 0 };
  throw new SyntaxError(`${path}:${line + 1}:${character + 1}: ${ts.flattenDiagnosticMessageText(wrong.messageText, "\n")}`);
}
