/** The cells as modules that see what earlier ones declared. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Preload } from "../messages.js";
import { type PreparedCell, prepareCell } from "../transform/prepare.js";
import { setText, type VirtualFiles } from "./host.js";
import { type Declared, declaredNames, spokenNames } from "./names.js";
import { ts } from "./typescript.js";

/** Names that `CellGlobals` of globals.ts puts before every cell. */
const GLOBALS = ["display", "md", "html", "svg", "clearOutput", "widgets", "prompt", "password", "confirm"];

/** What leads to all cells, in every one of them; a module of that name only hands on what the next one has. */
const SCOPE = "__kernelScope";
const ALL = "__kernelAll";

/** Modules at the start; twice as many whenever they are all in use. */
const SLOTS = 128;

/** A cell's text in its module: `text` of `prepared` from `offset` on; before it stand hidden declarations. */
export type CellModule = { path: string; slot: number; prepared: PreparedCell; offset: number; declared: Declared[] };

/**
 * Each cell has a file of its own in `folder`, from a pool of files that are there from the start: a program whose files import the same as
 * before is cheap to make again. Every one of them imports one module, the scope, which has all cells under fixed names; a hidden first line
 * declares the names that the cell speaks of by the cell that declared each last. So a check costs what its own cell costs, however many
 * there were.
 */
export class Cells {
  readonly files: VirtualFiles;
  readonly draftPath: string;
  readonly #folder: string;
  readonly #preload: readonly Preload[];
  readonly #loaded = new Set<Preload>();
  readonly #values = new Map<string, { slot: number; form: "let" | "const" | "alias" }>();
  readonly #types = new Map<string, { slot: number; pure: boolean }>();
  /** The slots that each slot in use refers to. */
  readonly #uses = new Map<number, Set<number>>();
  #free: number[] = [];
  #dropped: number[] = [];
  #size = 0;

  constructor(folder: string, preload: readonly Preload[]) {
    this.#folder = folder;
    this.#preload = preload;
    this.draftPath = join(folder, "__kernelDraft.ts");
    const blank = this.#prefix(new Set());
    this.files = { version: 1, changed: new Set(), texts: new Map(), roots: [], blank, draftPath: this.draftPath };
    setText(this.files, this.draftPath, blank);
    // Not `import * as` in the cells themselves: TypeScript looks at everything that it imports, at every check.
    setText(this.files, join(folder, `${SCOPE}.ts`), `export * as ${SCOPE} from "./${ALL}";`);
    this.#grow(SLOTS);
  }

  /** Makes a module of a cell. It sees earlier cells; later ones see it after `keep`. */
  add(code: string): CellModule {
    const slot = this.#take();
    const uses = new Set<number>();
    const module = this.#write(code, this.#path(slot), slot, uses, false);
    this.#uses.set(slot, uses);
    return module;
  }

  /** The one module that stands for text which is still being written; with `all` it sees every name there is, not only those it has. */
  draft(code: string, all = false): CellModule {
    return this.#write(code, this.draftPath, -1, new Set(), all);
  }

  /** From now on the cell's declarations stand for their names. */
  keep({ slot, declared }: CellModule): void {
    for (const { name, form } of declared) {
      if (form === "type") {
        this.#types.set(name, { slot, pure: true });
        continue;
      }
      this.#values.set(name, { slot, form });
      if (form === "alias") this.#types.set(name, { slot, pure: false });
      else if (this.#types.get(name)?.pure === false) this.#types.delete(name);
    }
  }

  /** Forgets a cell that never ran. */
  drop({ slot }: CellModule): void {
    this.#uses.delete(slot);
    this.#dropped.push(slot);
  }

  /** True for a file of a cell, the draft or the scope. */
  isHidden(path: string): boolean {
    return path.startsWith(join(this.#folder, "__kernel"));
  }

  #path(slot: number): string {
    return join(this.#folder, `__kernelCell${slot}.ts`);
  }

  #write(code: string, path: string, slot: number, uses: Set<number>, all: boolean): CellModule {
    const prepared = slot < 0 ? { text: code, wrapped: undefined } : prepareCell(code);
    const file = ts.createSourceFile("cell.ts", prepared.text, ts.ScriptTarget.ES2023, false);
    const declared = declaredNames(file);
    const prefix = this.#prefix(spokenNames(file), declared, uses, all);
    setText(this.files, path, prefix + prepared.text);
    return { path, slot, prepared, offset: prefix.length, declared };
  }

  /** The hidden first line. */
  #prefix(spoken: Set<string>, declared: readonly Declared[] = [], uses = new Set<number>(), all = false): string {
    const parts = [`import { ${SCOPE} } from "./${SCOPE}"; import __kernelGlobals = ${SCOPE}.globals;`];
    const own = [...new Set(declared.filter(({ exported }) => !exported).map(({ name }) => name))];
    parts.push(`export { ${own.join(", ")} };`);
    const ownValues = new Set(declared.filter(({ form }) => form !== "type").map(({ name }) => name));
    const ownTypes = new Set(declared.filter(({ form }) => form === "type" || form === "alias").map(({ name }) => name));
    const names = all
      ? new Set([...this.#values.keys(), ...this.#types.keys(), ...GLOBALS, ...this.#preload.map(({ name }) => name)])
      : spoken;
    for (const name of names) parts.push(this.#declaration(name, ownValues.has(name), ownTypes.has(name), uses, spoken.has(name)));
    return `${parts.filter((part) => part !== "").join(" ")}\n`;
  }

  /** What stands for an earlier `name` in a cell that may itself declare it as a value or as a type. */
  #declaration(name: string, ownValue: boolean, ownType: boolean, uses: Set<number>, spoken: boolean): string {
    const value = ownValue ? undefined : this.#values.get(name);
    const type = ownType ? undefined : this.#types.get(name);
    if (!value && !type) return ownValue || ownType ? "" : this.#given(name, spoken);
    const parts: string[] = [];
    if (value) uses.add(value.slot);
    if (type) uses.add(type.slot);
    const together = value?.form === "alias" && type?.slot === value.slot && !ownType;
    if (value && !together) {
      // The alias first: `typeof` of a path would have TypeScript look at all that is on the way.
      parts.push(`import __kernel_${name} = ${SCOPE}.c${value.slot}.${name};`);
      parts.push(`declare ${value.form === "let" ? "let" : "const"} ${name}: typeof __kernel_${name};`);
    }
    if (type && (together || type.pure)) parts.push(`import ${name} = ${SCOPE}.c${type.slot}.${name};`);
    return parts.join(" ");
  }

  /** A kernel global or a preload; types of a preload are read only once a cell speaks of it. */
  #given(name: string, spoken: boolean): string {
    const preload = this.#preload.find((each) => each.name === name);
    if (preload) {
      if (!spoken && !this.#loaded.has(preload)) return `declare const ${name}: unknown;`;
      if (!this.#loaded.has(preload)) {
        this.#loaded.add(preload);
        this.#writeScope();
      }
      return `import ${name} = ${SCOPE}.p${this.#preload.indexOf(preload)};`;
    }
    return GLOBALS.includes(name) ? `declare const ${name}: typeof __kernelGlobals.${name};` : "";
  }

  /** Makes room for further cells while nobody waits, because it costs a new program; false where there is enough. */
  makeRoom(): boolean {
    if (this.#free.length > this.#size / 2) return false;
    this.#collect();
    if (this.#free.length <= this.#size / 2) this.#grow(this.#size);
    return true;
  }

  #take(): number {
    if (this.#free.length === 0) this.makeRoom();
    return this.#free.shift()!;
  }

  /** Frees the cells all of whose names stand for something newer by now, and which no other refers to. */
  #collect(): void {
    const live = new Set<number>();
    const visit = (slot: number): void => {
      if (live.has(slot)) return;
      live.add(slot);
      this.#uses.get(slot)?.forEach(visit);
    };
    for (const { slot } of [...this.#values.values(), ...this.#types.values()]) visit(slot);
    for (const slot of [...this.#uses.keys()]) {
      if (!live.has(slot)) this.#dropped.push(slot);
    }
    for (const slot of this.#dropped.splice(0)) {
      this.#uses.delete(slot);
      this.#free.push(slot);
      setText(this.files, this.#path(slot), this.files.blank);
    }
  }

  #grow(count: number): void {
    for (let slot = this.#size; slot < this.#size + count; slot++) {
      this.#free.push(slot);
      setText(this.files, this.#path(slot), this.files.blank);
    }
    this.#size += count;
    this.#writeScope();
    this.files.roots = [this.draftPath, ...Array.from({ length: this.#size }, (_, slot) => this.#path(slot))];
  }

  #writeScope(): void {
    const globals = fileURLToPath(new URL("../globals.js", import.meta.url));
    const lines = [`import type { CellGlobals } from ${JSON.stringify(globals)};`, "export declare const globals: CellGlobals;"];
    for (let slot = 0; slot < this.#size; slot++) lines.push(`export * as c${slot} from "./__kernelCell${slot}";`);
    for (const [index, preload] of this.#preload.entries()) {
      if (!this.#loaded.has(preload)) continue;
      const exported = preload.member === undefined ? "* as" : `{ ${preload.member} as`;
      lines.push(`export ${exported} p${index}${preload.member === undefined ? "" : " }"} from ${JSON.stringify(preload.specifier)};`);
    }
    setText(this.files, join(this.#folder, `${ALL}.ts`), lines.join("\n"));
  }
}
