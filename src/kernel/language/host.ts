/** What TypeScript's language service sees of the world: the cells, the libraries, and the files on the disk. */
import { statSync } from "node:fs";
import { builtinModules } from "node:module";
import { fileURLToPath } from "node:url";
import type { Library } from "./libraries.js";
import { Patches } from "./patches.js";
import { ts } from "./typescript.js";

const builtins = new Set(builtinModules);

/** Files that exist only here. */
export type VirtualFiles = {
  /** Bumped with every change. */
  version: number;
  /** The paths whose texts changed since types were last asked for. */
  changed: Set<string>;
  texts: Map<string, { version: number; snapshot: ts.IScriptSnapshot }>;
  /** The program's roots besides the libraries; best the same over many checks. */
  roots: string[];
  /** The text of a cell's file before it has a cell. */
  blank: string;
  /** The file of text that is still being written. */
  draftPath: string;
};

export function setText(files: VirtualFiles, path: string, text: string): void {
  files.version += 1;
  files.changed.add(path);
  files.texts.set(path, { version: files.version, snapshot: ts.ScriptSnapshot.fromString(text) });
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  noLib: true, // the libraries are roots
  types: [],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  customConditions: ["node"],
  moduleDetection: ts.ModuleDetectionKind.Force,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  esModuleInterop: true,
  resolveJsonModule: true,
  allowImportingTsExtensions: true,
  allowUmdGlobalAccess: true,
  allowJs: true,
  maxNodeModuleJsDepth: 0,
  preserveConstEnums: true,
};

export type CellService = {
  service: ts.LanguageService;
  /** Parses one of the libraries, then binds its names, so that the first program finds it done; two steps, each some tenths of a second. */
  prepare(path: string): Generator<void, void>;
};

/** The language service of the cells in `files`; `folder` is the notebook's. */
export function createService(folder: string, files: VirtualFiles, libraries: Library): CellService {
  for (const [path, text] of libraries.files) files.texts.set(path, { version: 0, snapshot: ts.ScriptSnapshot.fromString(text) });
  const fixed = [...libraries.files.keys()];
  const onDisk = new Map<string, { version: string; snapshot: ts.IScriptSnapshot | undefined }>();
  /** The versions of those that may change. */
  const local = new Map<string, string>();
  const resolutions = ts.createModuleResolutionCache(folder, (name) => name, options);
  const kernel = fileURLToPath(import.meta.url);

  const disk = (path: string): { version: string; snapshot: ts.IScriptSnapshot | undefined } => {
    const known = onDisk.get(path);
    if (known && installed(path)) return known;
    const version = modified(path);
    if (known?.version === version) return known;
    const text = ts.sys.readFile(path);
    const entry = { version, snapshot: text === undefined ? undefined : ts.ScriptSnapshot.fromString(text) };
    onDisk.set(path, entry);
    if (!installed(path)) local.set(path, version);
    return entry;
  };

  const resolveModule = (name: string, from: string): ts.ResolvedModuleWithFailedLookupLocations => {
    // Node's own modules are declared in its types, whatever package has the name of one.
    if (builtins.has(name) || name.startsWith("node:")) return unresolved;
    const library = from.includes("/node_modules/");
    if (library && name === "undici-types") return unresolved; // forty files that say the same as the browser's library
    const found = ts.resolveModuleName(name, from, options, host, library ? resolutions : undefined);
    if (found.resolvedModule || library || name.startsWith(".") || name.startsWith("/")) return found;
    return ts.resolveModuleName(name, kernel, options, host);
  };

  const host: ts.LanguageServiceHost & ts.ModuleResolutionHost & Pick<ts.CompilerHost, "getModuleResolutionCache"> = {
    getCompilationSettings: () => options,
    getProjectVersion: () => {
      const edited = !patching && localChanged();
      if (!patching && (files.changed.size > 0 || onDisk)) {
        patching = true; // the program as it is: asking for it asks for the version again
        if (projectVersion === 0 || edited || !patches.apply(service.getProgram()!, changedTexts())) projectVersion += 1;
        files.changed.clear();
        patching = false;
      }
      return String(projectVersion);
    },
    getScriptFileNames: () => [...fixed, ...files.roots],
    getScriptVersion: (path) => String(files.texts.get(path)?.version ?? disk(path).version),
    getScriptSnapshot: (path) => (files.texts.get(path) ?? disk(path)).snapshot,
    // For what each file's package.json says, which every new program asks.
    getModuleResolutionCache: () => resolutions,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: () => "/eqlab-libraries/lib.d.ts",
    fileExists: (path) => files.texts.has(path) || ts.sys.fileExists(path),
    readFile: (path) => ts.sys.readFile(path),
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    readDirectory: ts.sys.readDirectory,
    ...(ts.sys.realpath && { realpath: ts.sys.realpath }),
    resolveModuleNameLiterals: (literals, from) => literals.map(({ text }) => resolveModule(text, from)),
    resolveTypeReferenceDirectiveReferences: (references, from) =>
      references.map((reference) => {
        const name = typeof reference === "string" ? reference : reference.fileName;
        if (name !== "node") return ts.resolveTypeReferenceDirective(name, from, options, host);
        const resolvedFileName = libraries.node;
        return { resolvedTypeReferenceDirective: resolvedFileName === undefined ? undefined : { primary: true, resolvedFileName } };
      }),
  };
  const registry = createRegistry();
  const service = ts.createLanguageService(host, registry);
  const patches = new Patches(files.blank, files.draftPath, resolveModule);
  let projectVersion = 0;
  let patching = false;
  const changedTexts = () => [...files.changed].map((path) => ({ path, ...files.texts.get(path)! }));
  const localChanged = (): boolean => {
    const changed = [...local].filter(([path, version]) => modified(path) !== version);
    for (const [path] of changed) disk(path);
    return changed.length > 0;
  };
  return {
    service,
    *prepare(path) {
      const { version, snapshot } = files.texts.get(path)!;
      const target = { languageVersion: ts.ScriptTarget.ES2023 };
      const file = registry.acquireDocument(path, options, snapshot, String(version), ts.ScriptKind.TS, target);
      yield;
      // Not in TypeScript's own typings; without it the first check does the same.
      (ts as { bindSourceFile?: (file: ts.SourceFile, options: ts.CompilerOptions) => void }).bindSourceFile?.(file, options);
      yield;
    },
  };
}

const installed = (path: string): boolean => path.includes("/node_modules/") || path.endsWith(".d.ts");

const modified = (path: string): string => String(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? "none");

const unresolved: ts.ResolvedModuleWithFailedLookupLocations = { resolvedModule: undefined };

/** Parsed files by path and version, for one service: TypeScript's own registry does much more at every check. */
function createRegistry(): ts.DocumentRegistry {
  const parsed = new Map<string, { version: string; file: ts.SourceFile }>();
  type Settings = ts.CompilerOptions | ts.MinimalResolutionCacheHost;
  const acquire = (
    name: string,
    _: Settings,
    snapshot: ts.IScriptSnapshot,
    version: string,
    kind?: ts.ScriptKind,
    target?: ts.CreateSourceFileOptions | ts.ScriptTarget,
  ): ts.SourceFile => {
    const known = parsed.get(name);
    if (known?.version === version) return known.file;
    const file = ts.createLanguageServiceSourceFile(name, snapshot, target ?? ts.ScriptTarget.ES2023, version, false, kind);
    parsed.set(name, { version, file });
    return file;
  };
  const acquireByKey: ts.DocumentRegistry["acquireDocumentWithKey"] = (name, _path, settings, _key, snapshot, version, kind, target) =>
    acquire(name, settings, snapshot, version, kind, target);
  return {
    acquireDocument: acquire,
    updateDocument: acquire,
    acquireDocumentWithKey: acquireByKey,
    updateDocumentWithKey: acquireByKey,
    getKeyForCompilationSettings: () => "cells" as ts.DocumentRegistryBucketKey,
    releaseDocument: () => {},
    releaseDocumentWithKey: () => {},
    reportStats: () => "",
  };
}
