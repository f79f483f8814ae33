import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addonFile, root } from "../../src/setup/paths.mjs";

/** The library is tried in processes of its own: an engine, once started, stays. */
let dist: string;
beforeAll(() => {
  // Inside the project, so that packages are found.
  dist = mkdtempSync(join(root, ".eqlab-test-"));
  const built = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      "tsconfig.build.json",
      "--outDir",
      join(dist, "dist"),
      "--declaration",
      "false",
      "--sourceMap",
      "false",
      "--inlineSources",
      "false",
    ],
    { cwd: root, encoding: "utf8" },
  );
  expect(built.stdout).toBe("");
}, 120_000);
afterAll(() => rmSync(dist, { recursive: true, force: true }));

function run(code: string, env: NodeJS.ProcessEnv = {}): { out: string; error: string } {
  const index = JSON.stringify(join(dist, "dist", "index.js"));
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", `import * as eq from ${index};\n${code}`], {
    encoding: "utf8",
    env: { ...process.env, ...env },
    cwd: tmpdir(),
  });
  return { out: stdout.trim(), error: stderr };
}

it("importing the library loads no tensor engine", () => {
  const { out } = run(
    `import { createRequire } from "node:module"; console.log(Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes("tensorflow")).length);`,
  );
  expect(out).toBe("0");
});

it("WASM is used when asked for, and says so", () => {
  const { out } = run(
    "console.log(JSON.stringify(await eq.startEngine()), eq.tf.matMul(eq.tf.ones([2, 2]), eq.tf.ones([2, 2])).dataSync().join());",
    { EQLAB_ENGINE: "wasm" },
  );
  expect(out).toBe('{"name":"wasm","device":"cpu","whyNotBetter":"wasm was asked for"} 2,2,2,2');
});

it.skipIf(!existsSync(addonFile()))("the native engine starts without a word on standard error", () => {
  const { out, error } = run(
    "console.log((await eq.startEngine()).name, eq.tf.matMul(eq.tf.ones([64, 64]), eq.tf.ones([64, 64])).dataSync()[0]);",
    { EQLAB_ENGINE: "" },
  );
  expect(out).toBe("tensorflow 64");
  expect(error).toBe("");
});

it("an engine that does not exist is refused", () => {
  const { error } = run("await eq.startEngine();", { EQLAB_ENGINE: "cuda" });
  expect(error).toContain('engine: expected "tensorflow", "wasm" or "cpu", got "cuda"');
});
