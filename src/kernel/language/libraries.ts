/**
 * The type libraries that every cell has, each as few files: merging declarations of one file happens once, when it is parsed; merging those
 * of many files happens again at every check.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { ts } from "./typescript.js";

/** JavaScript's own library and the browser's, by the names of TypeScript's `lib` option. */
const STANDARD = ["es2023", "dom", "dom.iterable", "dom.asynciterable", "esnext.disposable"];

export type Library = {
  /** Text by virtual path; all of them belong to every program. */
  files: Map<string, string>;
  /** What `/// <reference types="node" />` means; undefined where there are no types of Node. */
  node: string | undefined;
};

/** `folder` is the notebook's: its own types of Node come first, then the kernel's. */
export function readLibraries(folder: string): Library {
  const files = new Map<string, string>();
  const libraries = dirname(createRequire(import.meta.url).resolve("typescript"));
  const standard = collect(
    STANDARD.map((name) => join(libraries, `lib.${name}.d.ts`)),
    libraries,
  );
  files.set("/eqlab-libraries/lib.d.ts", [...standard.values()].join("\n"));
  const main = nodeTypes(folder);
  if (main === undefined) return { files, node: undefined };
  const scripts: string[] = [];
  for (const [path, text] of collect([main], undefined)) {
    const plain = text.replace(/^\/\/\/ <reference .*$/gm, "");
    // A module among scripts would make modules of them all; it stays a file, and what it augments is global all the same.
    if (/^(?:import|export) /m.test(text)) files.set(path.replace(/\.d\.ts$/, ".cells.d.ts"), plain);
    else scripts.push(plain);
  }
  const node = join(dirname(main), "node.cells.d.ts");
  files.set(node, scripts.join("\n"));
  return { files, node };
}

/** The texts of files and of what they refer to, by path, what is referred to first. References to libraries are followed in `libraries`. */
function collect(starts: string[], libraries: string | undefined): Map<string, string> {
  const seen = new Set<string>();
  const texts = new Map<string, string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(path, "utf8");
    const { libReferenceDirectives, referencedFiles } = ts.preProcessFile(text.slice(0, 20_000), false, false);
    if (libraries !== undefined) {
      for (const { fileName } of libReferenceDirectives) visit(join(libraries, `lib.${fileName.toLowerCase()}.d.ts`));
    }
    for (const { fileName } of referencedFiles) visit(resolve(dirname(path), fileName));
    texts.set(path, text);
  };
  starts.forEach(visit);
  return texts;
}

function nodeTypes(folder: string): string | undefined {
  for (const from of [join(folder, "cell.ts"), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve("@types/node/package.json")), "index.d.ts");
    } catch {}
  }
  return undefined;
}
