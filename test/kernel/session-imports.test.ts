import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../temporary-folder.js";
import { SessionProcess } from "./session-process.js";

function folderOf(files: { [path: string]: string }): string {
  const folder = temporaryFolder();
  for (const [path, text] of Object.entries(files)) write(join(folder, path), text);
  return folder;
}

let written = 0;
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const time = new Date(Date.now() - 1e6 + 1000 * ++written); // no two writes within one tick of the clock
  utimesSync(path, time, time);
}

const packages = {
  "node_modules/esm/package.json": `{ "name": "esm", "type": "module", "exports": { ".": "./main.js", "./sub": "./deep/sub.js", "./data.json": "./data.json" } }`,
  "node_modules/esm/main.js": "export const kind = 'esm'; export default 1; await null;",
  "node_modules/esm/deep/sub.js": "export const sub = 'sub'",
  "node_modules/esm/data.json": `{ "n": 5 }`,
  "node_modules/cjs/package.json": `{ "name": "cjs", "main": "main.js" }`,
  "node_modules/cjs/main.js": "const made = { hidden: 7 }; for (const k of ['first']) made[k] = k; module.exports = made;",
  "node_modules/broken/package.json": `{ "name": "broken", "type": "module", "exports": "./main.js" }`,
  "node_modules/broken/main.js": "import 'not-there'",
};

test("packages of both kinds, subpaths, JSON and Node's own modules are imported from the notebook's folder", async () => {
  const session = new SessionProcess({ folder: folderOf({ ...packages, "data.json": `{ "m": 6 }` }) });
  const { text, outcome, stderr } = await session.run(`
    let { kind, default: one } = await __kernel.import("esm");
    let { sub } = await __kernel.import("esm/sub");
    let { default: made, first, hidden } = await __kernel.import("cjs");
    let { default: data } = await __kernel.import("esm/data.json");
    let { default: local } = await __kernel.import("./data.json");
    let { join } = await __kernel.import("node:path");
    let { sep } = await __kernel.import("path");
    __kernel.last = ([kind, one, sub, first, hidden, made.hidden, data.n, local.m, typeof join, sep, require("cjs").first].join());
  `);
  expect(outcome).toEqual({ status: "ok" });
  await session.run("await new Promise((go) => setTimeout(go, 50))");
  expect(stderr).toBe("");
  expect(session.messages.filter((message) => message.kind === "stream")).toEqual([]);
  expect(text).toBe("esm,1,sub,first,7,7,5,6,function,/,first");
});

test("what is missing, or breaks inside, fails with its own name", async () => {
  const session = new SessionProcess({ folder: folderOf(packages) });
  expect((await session.run(`await __kernel.import("nowhere")`)).outcome).toMatchObject({ evalue: expect.stringContaining("'nowhere'") });
  expect((await session.run(`await __kernel.import("broken")`)).outcome).toMatchObject({ evalue: expect.stringContaining("'not-there'") });
  expect((await session.run(`await __kernel.import("./nowhere.ts")`)).outcome).toMatchObject({
    evalue: expect.stringContaining("nowhere.ts"),
  });
  expect((await session.run(`require("nowhere")`)).outcome).toMatchObject({ evalue: expect.stringContaining("'nowhere'") });
});

test("a package that is only installed beside the kernel is found there", async () => {
  const session = new SessionProcess({ folder: temporaryFolder() });
  const { text } = await session.run(
    `let { csvParse } = { csvParse: (await __kernel.import("csv-parse/sync")).parse }; __kernel.last = (typeof csvParse)`,
  );
  expect(text).toBe("function");
  expect((await session.run(`__kernel.last = (typeof require("csv-parse/sync").parse)`)).text).toBe("function");
});

test("local TypeScript is imported with what it imports, and loaded anew once any of it has changed", async () => {
  const folder = folderOf({
    ...packages,
    "helper.ts": `import { base } from "./lib/base";\nimport { kind } from "esm";\nimport { other } from "./other.js";\nexport enum E { A = 3 }\nexport const value: number = base + E.A;\nexport const seen: string = kind + other;\nexport const mark = {};`,
    "lib/base.ts": "export const base: number = 1;",
    "other.ts": "export const other: string = '!';",
    "plain.mjs": "export const p = 1",
  });
  const session = new SessionProcess({ folder });
  const load = `const m = await __kernel.import("./helper.ts"); const again = await __kernel.import("./helper"); __kernel.last = ([m.value, m.seen, m.mark === again.mark].join())`;
  const first = await session.run(`{ ${load} }`);
  expect(first.outcome).toEqual({ status: "ok" });
  expect(first.text).toBe("4,esm!,true");
  write(join(folder, "lib/base.ts"), "export const base: number = 10;");
  expect((await session.run(`{ ${load} }`)).text).toBe("13,esm!,true");
  write(join(folder, "lib/base.ts"), "export const base: number = ;");
  expect((await session.run(`{ ${load} }`)).outcome).toMatchObject({ evalue: expect.stringContaining("base.ts:1:29") });
  write(join(folder, "lib/base.ts"), "export const base: number = 20;");
  expect((await session.run(`{ ${load} }`)).text).toBe("23,esm!,true");
  const loadPlain = `{ __kernel.last = ((await __kernel.import("./plain.mjs")).p) }`;
  expect((await session.run(loadPlain)).text).toBe("1");
  write(join(folder, "plain.mjs"), "export const p = 2");
  expect((await session.run(loadPlain)).text).toBe("2");
});

test("an error in a local TypeScript file is traced to the line that was written", async () => {
  const folder = folderOf({
    "fails.ts": "interface Long {\n  a: string;\n  b: string;\n}\nexport function fail(x: Long): void {\n  throw new Error(x.a);\n}\n",
  });
  const { outcome } = await new SessionProcess({ folder }).run(`(await __kernel.import("./fails.ts")).fail({ a: "here" })`);
  expect(outcome).toMatchObject({ evalue: "here" });
  expect(outcome.status === "error" && outcome.traceback.join("\n")).toContain("fails.ts:6:9");
});

test("a preload is loaded when a cell first mentions it, and gives way to a name that the user declares", async () => {
  const folder = folderOf({
    "node_modules/lib/package.json": `{ "name": "lib", "type": "module", "exports": "./main.js" }`,
    "node_modules/lib/main.js": "globalThis.loaded = (globalThis.loaded ?? 0) + 1; export const tool = 'tool'; await null;",
  });
  const preload = [
    { name: "lib", specifier: "lib" },
    { name: "tool", specifier: "lib", member: "tool" },
    { name: "gone", specifier: "not-installed" },
  ];
  const session = new SessionProcess({ folder, preload });
  expect((await session.run("let x = { a$lib: 1 }; __kernel.last = (String(globalThis.loaded) + x.lib)")).text).toBe("undefinedundefined");
  expect((await session.run("__kernel.last = (lib.tool + tool)")).text).toBe("tooltool");
  expect((await session.run("let tool = 5; __kernel.last = (tool)")).text).toBe("5");
  expect((await session.run("lib = 6; __kernel.last = (lib)")).text).toBe("6");
  expect((await session.run("1; gone.x")).outcome).toMatchObject({
    evalue: expect.stringMatching(/preload gone: expected not-installed to load/),
  });
  expect((await session.run("let gone = 1; __kernel.last = (gone)")).text).toBe("1");
});
