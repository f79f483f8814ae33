import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openSource } from "../../src/files/source.js";
import { temporaryName } from "../../src/files/temporary-name.js";
import { recoverFolder, replaceFolder, writeFileSafely } from "../../src/files/write.js";
import { type ChildRunner, childRunner, ended } from "../child.js";
import { temporaryFolder } from "../temporary-folder.js";

const PARTS = ["adapter.safetensors", "state/optimizer.bin", "state/step.json"];

/** Fills a folder with files that all hold `version`. */
const fillWith = (version: string) => async (folder: string) => {
  mkdirSync(join(folder, "state"));
  for (const part of PARTS) await writeFile(join(folder, part), version);
};

/** The version that a folder holds, if it is whole. */
function versionOf(folder: string): string {
  const versions = new Set(PARTS.map((part) => readFileSync(join(folder, part), "utf8")));
  expect([...versions]).toHaveLength(1);
  return [...versions][0]!;
}

let runner: ChildRunner;
beforeAll(async () => {
  runner = await childRunner("files/write.ts");
});
afterAll(() => runner.dispose());

/** Kills its own process just before or just after the n-th call of a changing or opening file function. Says when there is no n-th. */
const killAt = (n: number, after: boolean) => `
  import fs from "node:fs/promises";
  import { syncBuiltinESMExports } from "node:module";
  let calls = 0;
  const die = () => process.kill(process.pid, "SIGKILL");
  for (const name of ["mkdir", "open", "rename", "rm", "writeFile", "readdir"]) {
    const original = fs[name];
    fs[name] = async (...args) => {
      const mine = ++calls;
      if (mine === ${n} && !${after}) die();
      const result = await original(...args);
      if (mine === ${n}) die();
      return result;
    };
  }
  syncBuiltinESMExports();`;

/** Runs `script` killed at every one of its file calls in turn, each time after `prepare`; returns how many places were tried. */
async function killEverywhere(script: string, prepare: () => string, check: (folder: string, finished: boolean) => Promise<void>) {
  let places = 0;
  for (const after of [false, true]) {
    for (let n = 1; ; n++) {
      const folder = prepare();
      const { code, signal } = await ended(runner.start(script, { args: [folder], preload: killAt(n, after) }));
      expect(signal ?? code).toBe(signal ? "SIGKILL" : 0);
      await check(folder, signal === null);
      if (signal === null) break;
      places++;
    }
  }
  return places;
}

it("writes texts, bytes and what a function writes, and makes the folder", async () => {
  const folder = join(temporaryFolder(), "new", "deep");
  await writeFileSafely(join(folder, "a.txt"), "é");
  await writeFileSafely(join(folder, "b.bin"), Uint8Array.of(1, 2));
  await writeFileSafely(join(folder, "c.txt"), (temporary) => writeFile(temporary, "c"));
  await writeFileSafely(join(folder, "a.txt"), "again");
  await writeFileSafely(join(folder, `${"ü".repeat(120)}.txt`), "a name of 244 bytes");
  expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("again");
  expect([...readFileSync(join(folder, "b.bin"))]).toEqual([1, 2]);
  expect(readdirSync(folder)).toHaveLength(4);
});

it("leaves the old file and nothing else when writing fails", async () => {
  const folder = temporaryFolder();
  const target = join(folder, "a.txt");
  await writeFileSafely(target, "old");
  const fails = async (temporary: string) => {
    writeFileSync(temporary, "half");
    throw new Error("disk full");
  };
  await expect(writeFileSafely(target, fails)).rejects.toThrow("disk full");
  await expect(writeFileSafely(target, async () => undefined)).rejects.toThrow(/ENOENT/);
  await expect(writeFileSafely(folder, "a folder is there")).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(["a.txt"]);
  expect(readFileSync(target, "utf8")).toBe("old");
});

it("lets many writers of one file finish, the file always whole", async () => {
  const target = join(temporaryFolder(), "a.txt");
  const contents = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
  await writeFileSafely(target, contents[0]!);
  let writing = true;
  const reader = (async () => {
    for (; writing; await new Promise(setImmediate)) expect(contents).toContain(readFileSync(target, "utf8"));
  })();
  await Promise.all(contents.map((content) => writeFileSafely(target, content)));
  writing = false;
  await reader;
  expect(readdirSync(join(target, ".."))).toEqual(["a.txt"]);
});

it("leaves the old or the new file wherever a writer is killed, and the next writer tidies up", async () => {
  const script = `
    import { writeFileSafely } from "./src/files/write.js";
    await writeFileSafely(process.argv[1] + "/a.txt", "new");`;
  const prepare = () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "a.txt"), "old");
    return folder;
  };
  const places = await killEverywhere(script, prepare, async (folder, finished) => {
    expect(finished ? ["new"] : ["old", "new"]).toContain(readFileSync(join(folder, "a.txt"), "utf8"));
    await writeFileSafely(join(folder, "a.txt"), "next");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });
  expect(places).toBeGreaterThanOrEqual(10);
});

it("fills a new folder and replaces it whole", async () => {
  const outer = temporaryFolder();
  const folder = join(outer, "runs", "checkpoint");
  await replaceFolder(folder, fillWith("1"));
  expect(versionOf(folder)).toBe("1");
  writeFileSync(join(folder, "stray.txt"), "from before");
  await replaceFolder(folder, fillWith("2"));
  expect(versionOf(folder)).toBe("2");
  expect(existsSync(join(folder, "stray.txt"))).toBe(false);
  expect(readdirSync(join(outer, "runs"))).toEqual(["checkpoint"]);
});

it("keeps the old folder and nothing else when filling fails", async () => {
  const outer = temporaryFolder();
  const folder = join(outer, "checkpoint");
  await replaceFolder(folder, fillWith("1"));
  const fails = async (temporary: string) => {
    await fillWith("2")(temporary);
    throw new Error("disk full");
  };
  await expect(replaceFolder(folder, fails)).rejects.toThrow("disk full");
  expect(versionOf(folder)).toBe("1");
  expect(readdirSync(outer)).toEqual(["checkpoint"]);
});

it("refuses to replace a file or the folder we work in", async () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "x");
  await expect(replaceFolder(file, fillWith("1"))).rejects.toThrow(RangeError);
  for (const folder of [".", "..", "/", ""]) await expect(replaceFolder(folder, fillWith("1")), folder).rejects.toThrow(RangeError);
  expect(readFileSync(file, "utf8")).toBe("x");
});

it("replaces the folder that a link leads to, and keeps the link", async () => {
  const outer = temporaryFolder();
  await replaceFolder(join(outer, "real", "a"), fillWith("1"));
  symlinkSync(join("real", "a"), join(outer, "link"));
  await replaceFolder(join(outer, "link"), fillWith("2"));
  expect(versionOf(join(outer, "real", "a"))).toBe("2");
  expect(versionOf(join(outer, "link"))).toBe("2");
});

it("puts back the complete new folder, else the old one, and never takes a half-filled one", async () => {
  const folder = join(temporaryFolder(), "checkpoint");
  const put = async (end: string, version: string) => {
    const path = temporaryName(folder, end);
    mkdirSync(path);
    await fillWith(version)(path);
  };
  await put("tmp", "half");
  await recoverFolder(folder);
  expect(existsSync(folder)).toBe(false);
  await put("old", "old");
  await recoverFolder(folder);
  expect(versionOf(folder)).toBe("old");
  await put("new", "new");
  await recoverFolder(folder);
  expect(versionOf(folder)).toBe("old"); // what stands in its place is never touched
});

it("prefers the new folder to the old one", async () => {
  const folder = join(temporaryFolder(), "checkpoint");
  for (const end of ["old", "new"]) {
    const path = temporaryName(folder, end);
    mkdirSync(path);
    await fillWith(end)(path);
  }
  await recoverFolder(folder);
  expect(versionOf(folder)).toBe("new");
});

it("lets many writers of one folder finish while others open it", async () => {
  const outer = temporaryFolder();
  const folder = join(outer, "checkpoint");
  await replaceFolder(folder, fillWith("0"));
  let writing = true;
  let opened = 0;
  const reader = (async () => {
    for (; writing; await new Promise(setImmediate)) {
      await recoverFolder(folder);
      opened++;
    }
  })();
  const versions = Array.from({ length: 12 }, (_, i) => String(i));
  await Promise.all(versions.map((version) => replaceFolder(folder, fillWith(version))));
  writing = false;
  await reader;
  expect(versions).toContain(versionOf(folder));
  expect(opened).toBeGreaterThan(0);
  expect(readdirSync(outer)).toEqual(["checkpoint"]);
});

it("leaves the old or the new folder wherever a writer is killed, and the next writer tidies up", async () => {
  const script = `
    import { mkdir, writeFile } from "node:fs/promises";
    import { replaceFolder } from "./src/files/write.js";
    await replaceFolder(process.argv[1] + "/checkpoint", async (folder) => {
      await mkdir(folder + "/state");
      for (const part of ${JSON.stringify(PARTS)}) await writeFile(folder + "/" + part, "new");
    });`;
  const prepare = () => {
    const outer = temporaryFolder();
    mkdirSync(join(outer, "checkpoint", "state"), { recursive: true });
    for (const part of PARTS) writeFileSync(join(outer, "checkpoint", part), "old");
    return outer;
  };
  const seen = new Set<string>();
  const places = await killEverywhere(script, prepare, async (outer, finished) => {
    const folder = join(outer, "checkpoint");
    await openSource(folder, "model", { offline: true });
    const version = versionOf(folder);
    seen.add(version);
    expect(finished ? ["new"] : ["old", "new"]).toContain(version);
    await replaceFolder(folder, fillWith("next"));
    expect(versionOf(folder)).toBe("next");
    expect(readdirSync(outer)).toEqual(["checkpoint"]);
  });
  expect([...seen].sort()).toEqual(["new", "old"]);
  expect(places).toBeGreaterThanOrEqual(30);
});
