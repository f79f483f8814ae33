import type { Preload } from "../messages.js";
import type { Imports, Namespace } from "./imports.js";

export type Preloads = {
  /** Loads what `code` may mean by a preload's name, so that it is there when the code runs. A package that fails to load is not an error yet. */
  ready(code: string): Promise<void> | undefined;
};

type Entry = { pattern: RegExp; load(): Promise<void> | undefined };

/**
 * Names that cells see without an import, as properties of `target`. Nothing is loaded before a cell mentions the name; a cell that declares
 * the name has its own. Reading a name whose package cannot be loaded throws.
 */
export function installPreloads(preloads: readonly Preload[], imports: Imports, target: object = globalThis): Preloads {
  const entries = preloads.map((preload) => install(preload, imports, target));
  return {
    ready(code) {
      const waiting: Promise<void>[] = [];
      for (const { pattern, load } of entries) {
        const loading = pattern.test(code) ? load() : undefined;
        if (loading) waiting.push(loading);
      }
      return waiting.length ? Promise.all(waiting).then(() => {}) : undefined;
    },
  };
}

function install({ name, specifier, member }: Preload, imports: Imports, target: object): Entry {
  let state: "unused" | "loading" | "loaded" | "failed" = "unused";
  let value: unknown;
  let failure: unknown;
  let loading: Promise<void> | undefined;

  const take = (module: Namespace): void => {
    if (member !== undefined && !(member in module)) {
      throw new TypeError(`preload ${name}: expected ${specifier} to export ${member}, got no such name`);
    }
    value = member === undefined ? module : module[member];
    state = "loaded";
  };
  const fail = (error: unknown): void => {
    state = "failed";
    failure = error;
  };

  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: false,
    get() {
      if (state === "unused" || state === "loading") {
        try {
          take(imports.require(specifier) as Namespace); // code that no cell showed us, such as a local file
        } catch (error) {
          fail(error);
        }
      }
      if (state === "loaded") return value;
      const reason = failure instanceof Error ? failure.message : String(failure);
      state = "unused"; // it may have been installed meanwhile
      throw new Error(`preload ${name}: expected ${specifier} to load, got: ${reason}`, { cause: failure });
    },
    set(own: unknown) {
      Object.defineProperty(target, name, { value: own, configurable: true, enumerable: true, writable: true });
      state = "loaded";
    },
  });

  return {
    // As a name of its own: not a property (`x.tf`), but spread (`...tf`).
    pattern: new RegExp(`(?<![\\w$])(?<!(?<!\\.\\.)\\.)${name.replaceAll("$", "\\$")}(?![\\w$])`),
    load() {
      if (state === "loaded") return undefined;
      if (state === "loading") return loading;
      state = "loading";
      loading = imports.load(specifier).then(take).catch(fail);
      return loading;
    },
  };
}
