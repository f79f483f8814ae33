/**
 * A new cell in the program that is there. TypeScript would make a new program and a new checker, which looks at every file of every package;
 * but a file that nobody has looked into yet may as well be another one: then only the cell itself is checked. This leans on what TypeScript
 * does not promise (6.0: the checker asks its program for each file, and binds none later on); where it does not hold, a new program is made.
 */
import { ts } from "./typescript.js";

/** A program's patches hold on to all that was ever checked: after so many, it is made anew. */
const MOST = 500;

type Resolve = (name: string, from: string) => ts.ResolvedModuleWithFailedLookupLocations;

/** What TypeScript's typings leave out. */
type OpenFile = ts.SourceFile & {
  path: ts.Path;
  resolvedPath: ts.Path;
  originalFileName: string;
  imports: ts.StringLiteralLike[];
  moduleAugmentations: ts.Node[];
  ambientModuleNames: string[];
};
type OpenProgram = ts.Program & {
  getResolvedModule?: (file: OpenFile, name: string, mode: ts.ResolutionMode) => ts.ResolvedModuleWithFailedLookupLocations | undefined;
};
const { bindSourceFile } = ts as { bindSourceFile?: (file: ts.SourceFile, options: ts.CompilerOptions) => void };

type Text = { path: string; version: number; snapshot: ts.IScriptSnapshot };

export class Patches {
  readonly #blank: string;
  readonly #drafts: string;
  readonly #resolve: Resolve;
  #program: OpenProgram | undefined;
  #files = new Map<string, OpenFile>();
  #resolved = new Map<string, Map<string, ts.ResolvedModuleWithFailedLookupLocations>>();
  #count = 0;

  /** `blank` is the text of a file that nobody has looked into; the file `drafts` may change at any time, because nobody imports it. */
  constructor(blank: string, drafts: string, resolve: Resolve) {
    this.#blank = blank;
    this.#drafts = drafts;
    this.#resolve = resolve;
  }

  /** Puts new texts into the program; false where only a new program will do, and nothing was changed. */
  apply(program: ts.Program, texts: readonly Text[]): boolean {
    if (program !== this.#program) this.#open(program);
    if (this.#count + texts.length > MOST) return false;
    const files: OpenFile[] = [];
    for (const text of texts) {
      const file = this.#file(program, text);
      if (!file) return false;
      files.push(file);
    }
    for (const file of files) this.#files.set(file.fileName, file);
    this.#count += files.length;
    return true;
  }

  #open(program: OpenProgram): void {
    this.#program = program;
    this.#files = new Map();
    this.#resolved = new Map();
    this.#count = 0;
    const files = this.#files;
    const resolved = this.#resolved;
    const { getSourceFile, getResolvedModule } = program;
    program.getSourceFile = (path) => files.get(path) ?? getSourceFile(path);
    program.getResolvedModule &&= (file, name, mode) => resolved.get(file.fileName)?.get(name) ?? getResolvedModule?.(file, name, mode);
  }

  #file(program: OpenProgram, { path, version, snapshot }: Text): OpenFile | undefined {
    const old = program.getSourceFile(path) as OpenFile | undefined;
    if (!old || !bindSourceFile || !program.getResolvedModule || (path !== this.#drafts && old.text !== this.#blank)) return undefined;
    const file = ts.createLanguageServiceSourceFile(
      path,
      snapshot,
      ts.ScriptTarget.ES2023,
      String(version),
      true,
      ts.ScriptKind.TS,
    ) as OpenFile;
    const imports = importsOf(file);
    if (!imports) return undefined;
    const resolved = new Map<string, ts.ResolvedModuleWithFailedLookupLocations>();
    for (const { text } of imports) {
      const found = this.#resolve(text, path);
      if (found.resolvedModule && !program.getSourceFile(found.resolvedModule.resolvedFileName)) return undefined;
      resolved.set(text, found);
    }
    this.#resolved.set(path, resolved);
    const { path: key, resolvedPath, originalFileName } = old;
    Object.assign(file, { path: key, resolvedPath, originalFileName, imports, moduleAugmentations: [], ambientModuleNames: [] });
    bindSourceFile(file, program.getCompilerOptions());
    return file;
  }
}

/** All modules that a file names; undefined where it declares something for other files, or reads one in an older way. */
function importsOf(file: ts.SourceFile): ts.StringLiteralLike[] | undefined {
  if (file.referencedFiles.length + file.typeReferenceDirectives.length + file.libReferenceDirectives.length > 0) return undefined;
  const found: ts.StringLiteralLike[] = [];
  let open = true;
  const add = (node: ts.Node | undefined): void => {
    if (node && ts.isStringLiteralLike(node)) found.push(node);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isExternalModuleReference(node)) add(node.expression);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal);
    else if (ts.isModuleDeclaration(node) && (ts.isStringLiteral(node.name) || node.flags & ts.NodeFlags.GlobalAugmentation)) open = false;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return open ? found : undefined;
}
