import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";
import { root } from "../src/setup/paths.mjs";

/** Rows of the layer map, lowest first. A folder imports only from rows above it, and from itself. */
const ROWS = [
  ["setup"],
  ["core"],
  ["text", "files"],
  ["data", "nn"],
  ["models", "losses", "optim"],
  ["generate", "train"],
  ["eval"],
  ["cells"],
  ["index"],
  ["cli"],
];
/** The kernel knows no machine learning, and the library knows no kernel; the commands know both. */
const APART = ["kernel"];
const MAY_USE_APART = ["cli"];
/** Programs over the library. */
const TOPMOST = ["world"];

const src = join(root, "src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.startsWith(join("world", "data")),
);
const folderOf = (file: string): string => {
  const [first] = relative(src, file).split(/[\\/]/);
  return first!.replace(/\.ts$/, "");
};
const rowOf = (folder: string): number => (TOPMOST.includes(folder) ? ROWS.length : ROWS.findIndex((row) => row.includes(folder)));

function imports(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1]!);
  return specifiers.map((specifier) => resolve(dirname(file), specifier));
}

it("a folder imports only from rows above it", () => {
  const wrong: string[] = [];
  let looked = 0;
  for (const file of files.map((name) => join(src, name))) {
    const from = folderOf(file);
    for (const target of imports(file)) {
      looked++;
      const to = folderOf(target);
      if (from === to) continue;
      const apart = APART.includes(from) || (APART.includes(to) && !MAY_USE_APART.includes(from));
      if (APART.includes(to) && !apart) continue;
      if (apart || rowOf(from) < 0 || rowOf(to) < 0 || rowOf(to) >= rowOf(from))
        wrong.push(`${relative(src, file)} imports ${relative(src, target)}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(looked).toBeGreaterThan(200);
});

it("tfjs is imported in one file", () => {
  const importers = files.filter((name) =>
    /from "@tensorflow\/|require\("@tensorflow\/tfjs"\)/.test(readFileSync(join(src, name), "utf8")),
  );
  expect(importers).toEqual([join("core", "tf.ts")]);
});

it("no source file has more than 400 lines", () => {
  const long = files.filter((name) => readFileSync(join(src, name), "utf8").split("\n").length > 400);
  expect(long).toEqual([]);
  expect(files.length).toBeGreaterThan(60);
});
