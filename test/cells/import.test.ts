import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { root } from "../../src/setup/paths.mjs";

const folder = join(root, "src", "cells");
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const large = (): string[] => {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  return ["danfojs-node", "jsdom", "plotly.js-dist", "tslab"].filter((name) =>
    loaded.some((path) => path.includes(`/node_modules/${name}/`)),
  );
};

it("importing the cells does no work: no large library is loaded, no tensor made", async () => {
  for (const file of sources) await import(join(folder, file));
  expect(sources.length).toBeGreaterThan(20);
  expect(large()).toEqual([]);
  expect(tf.memory().numTensors).toBe(0);
  const { frame } = await import("../../src/cells/frame.js");
  frame([{ a: 1 }]);
  expect(large()).toEqual(["danfojs-node"]); // the check above can see
});
