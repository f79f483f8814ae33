/** The language thread's answers, all but the worker around them. */

import { type CellModule, Cells } from "./language/cells.js";
import { checkCell } from "./language/check.js";
import { complete } from "./language/complete.js";
import { completeness } from "./language/completeness.js";
import { type CellService, createService } from "./language/host.js";
import { inspect } from "./language/inspect.js";
import { type Library, readLibraries } from "./language/libraries.js";
import type { KernelOptions, LanguageRequests } from "./messages.js";
import { transformCell, transformExpression } from "./transform.js";

/**
 * A session's answers. `warm` makes the first transform a fast one in its first step, then the first check, in steps of a few tenths of a
 * second, between which others may be asked.
 */
export type Language = LanguageRequests & {
  warm(): Generator<void, void>;
  /** What costs some tenths of a second now and then, for when nobody waits. */
  rest(): void;
};

type Types = CellService & { cells: Cells; libraries: Library };

/** Cheap: the type libraries are read when types are first asked for (about a second), `transform` never waits for them. */
export function createLanguage({ folder, preload }: KernelOptions): Language {
  let made: Types | undefined;
  const checked = new Map<number, CellModule>();
  const make = (): Types => {
    const cells = new Cells(folder, preload);
    const libraries = readLibraries(folder);
    return { cells, libraries, ...createService(folder, cells.files, libraries) };
  };
  const types = (): Types => {
    made ??= make();
    return made;
  };

  const check = ({ cells, service }: Types): void => {
    const module = cells.add("const warm = [1, 2].map((x) => String(x)); console.log(await Promise.all(warm), process.argv)");
    checkCell(service, module);
    cells.drop(module);
  };

  return {
    transform: ({ cell, code }) => transformCell(code, { name: `cell-${cell}.ts`, folder }),
    expression: ({ code }) => transformExpression(code, { folder }),
    isComplete: ({ code }) => completeness(code),
    complete: ({ code, offset }) => complete(types(), code, offset),
    inspect: ({ code, offset, detail }) => inspect(types(), code, offset, detail),
    check({ cell, code }) {
      const { cells, service } = types();
      const module = cells.add(code);
      checked.set(cell, module);
      return checkCell(service, module);
    },
    settle({ cell, runs }) {
      const module = checked.get(cell);
      if (!module) return;
      checked.delete(cell);
      const { cells } = types();
      if (runs) cells.keep(module);
      else cells.drop(module);
    },
    *warm() {
      transformCell("export const warm: number = await 1; enum Warm { a } warm", { folder });
      yield;
      const { service, libraries, prepare } = types();
      yield;
      for (const path of libraries.files.keys()) yield* prepare(path);
      service.getProgram();
      yield;
      check(types());
    },
    rest() {
      if (made?.cells.makeRoom()) check(made);
    },
  };
}
