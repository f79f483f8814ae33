import { existsSync, readFileSync } from "node:fs";
import { createRequire, register } from "node:module";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL, URL } from "node:url";
import { constants, Script } from "node:vm";

export type Namespace = { [name: string]: unknown };

export type Imports = {
  /**
   * A module's exports, resolved from the notebook's folder as Node resolves an `import` there, and, where it is not installed there, from
   * the kernel's own place. Local files may be TypeScript, and are loaded anew once they, or what they import, have changed.
   */
  load(specifier: unknown, options?: unknown): Promise<Namespace>;
  /** The `require` of cells. */
  require: NodeJS.Require;
};

type Importer = (specifier: string, options?: unknown) => Promise<Namespace>;

/** `folder` is absolute. */
export function createImports(folder: string): Imports {
  silenceLoaderWarning();
  const parent = join(folder, "cell.ts");
  const here = fileURLToPath(import.meta.url);
  const fromFolder = importerAt(parent);
  const fromKernel = importerAt(here);
  const requireFolder = createRequire(parent);
  const requireKernel = createRequire(here);
  let hooked = false;

  /** Only once a cell imports a local file: the hooks run on a thread of their own. */
  function hookLocalFiles(): void {
    if (hooked) return;
    hooked = true;
    process.setSourceMapsEnabled(true);
    register("./module-hooks.js", import.meta.url);
  }

  async function loadLocal(specifier: string, options: unknown): Promise<Namespace> {
    const url = specifier.startsWith("file:") ? new URL(specifier) : new URL(localHref(specifier), pathToFileURL(parent));
    const path = fileURLToPath(url);
    if (path.endsWith(".json") && existsSync(path)) return jsonModule(path);
    hookLocalFiles();
    return fromFolder(url.href, options);
  }

  async function loadPackage(specifier: string, options: unknown): Promise<Namespace> {
    try {
      return await fromFolder(specifier, options);
    } catch (error) {
      if (needsJsonType(error)) return fromFolder(specifier, { with: { type: "json" } });
      if (!isMissing(error, specifier, parent)) throw error;
      return fromKernel(specifier, options).catch((second: unknown) => {
        throw isMissing(second, specifier, here) ? error : second;
      });
    }
  }

  const requireEither = (id: string): unknown => {
    try {
      return requireFolder(id);
    } catch (error) {
      const { code, requireStack } = error as { code?: string; requireStack?: string[] };
      if (code !== "MODULE_NOT_FOUND" || requireStack?.[0] !== parent || isLocal(id)) throw error;
      try {
        return requireKernel(id);
      } catch (second) {
        throw (second as { code?: string }).code === "MODULE_NOT_FOUND" ? error : second;
      }
    }
  };

  return {
    async load(given, options) {
      const specifier = String(given);
      const module = await (isLocal(specifier) ? loadLocal(specifier, options) : loadPackage(specifier, options));
      return withAllNames(module, requireFolder.cache);
    },
    require: Object.assign(requireEither, {
      resolve: requireFolder.resolve,
      cache: requireFolder.cache,
      extensions: requireFolder.extensions,
      main: undefined,
    }) as unknown as NodeJS.Require,
  };
}

/** Node's own `import()`, as a module at `path` would call it. */
function importerAt(path: string): Importer {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  return new Script("(specifier, options) => import(specifier, options)", { filename: path, importModuleDynamically }).runInThisContext();
}

/** The loader is marked experimental on Node 20; the warning would stand in the first cell that imports something. */
function silenceLoaderWarning(): void {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: []) => {
    if (!String(warning).startsWith("vm.USE_MAIN_CONTEXT_DEFAULT_LOADER")) emitWarning.call(process, warning, ...rest);
  }) as typeof emitWarning;
}

const isLocal = (specifier: string): boolean =>
  /^\.{0,2}\//.test(specifier) || /^\.{1,2}$/.test(specifier) || specifier.startsWith("file:") || isAbsolute(specifier);

const localHref = (specifier: string): string =>
  isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier.replace(/[?#%]/g, encodeURIComponent);

/** Read each time: data that was changed is wanted as it is now. */
function jsonModule(path: string): Namespace {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  const names = typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  return { ...names, default: value };
}

const needsJsonType = (error: unknown): boolean =>
  /^ERR_IMPORT_(ATTRIBUTE|ASSERTION_TYPE)_MISSING$/.test(String((error as { code?: string } | undefined)?.code));

/** Whether `specifier` itself, not something that it imports, is not installed where `importer` looks. */
function isMissing(error: unknown, specifier: string, importer: string): boolean {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  if (code !== "ERR_MODULE_NOT_FOUND" || !message.includes(`imported from ${importer}`)) return false;
  const [scope, name] = specifier.split("/");
  return message.includes(`'${scope!.startsWith("@") ? `${scope}/${name}` : scope}'`);
}

/**
 * Node finds the names of a CommonJS module by reading its text and misses many of a bundled one. What is behind `module.exports` can be
 * named then all the same.
 */
function withAllNames(module: Namespace, cache: NodeJS.Require["cache"]): Namespace {
  const exported = module.default;
  if ((typeof exported !== "object" && typeof exported !== "function") || exported === null) return module;
  if (Object.keys(exported).every((name) => name in module)) return module;
  if (!Object.values(cache).some((entry) => entry?.exports === exported)) return module;
  const known = completed.get(module);
  if (known) return known;
  const complete = Object.create(exported, Object.getOwnPropertyDescriptors({ ...module })) as Namespace;
  completed.set(module, complete);
  return complete;
}

const completed = new WeakMap<Namespace, Namespace>();
