import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { FormatError, NotFoundError } from "../../src/core/errors.js";
import { folderSource } from "../../src/files/folder-source.js";
import { temporaryFolder } from "../temporary-folder.js";

function makeFolder() {
  const outer = temporaryFolder();
  const folder = join(outer, "model");
  mkdirSync(join(folder, "data"), { recursive: true });
  writeFileSync(join(folder, "config.json"), "{}");
  writeFileSync(
    join(folder, "data", "train.bin"),
    Uint8Array.from({ length: 100 }, (_, i) => i),
  );
  writeFileSync(join(outer, "secret.txt"), "secret");
  return { outer, folder };
}

it("lists files by their names with slashes, sorted, folders left out", async () => {
  const { folder } = makeFolder();
  expect(await folderSource(folder).list()).toEqual(["config.json", "data/train.bin"]);
});

it("reads files, their sizes and ranges by position", async () => {
  const source = folderSource(makeFolder().folder);
  expect(await source.has("data/train.bin")).toBe(true);
  expect(await source.size("data/train.bin")).toBe(100);
  expect(new TextDecoder().decode(await source.read("config.json"))).toBe("{}");
  expect([...(await source.readRange("data/train.bin", 10, 13))]).toEqual([10, 11, 12]);
  expect(await source.readRange("data/train.bin", 100, 100)).toHaveLength(0);
});

it("refuses ranges outside the file", async () => {
  const source = folderSource(makeFolder().folder);
  await expect(source.readRange("data/train.bin", 90, 101)).rejects.toThrow(
    "data/train.bin: end: expected a whole number from 90 to 100, got 101",
  );
  await expect(source.readRange("data/train.bin", -1, 5)).rejects.toThrow(RangeError);
  await expect(source.readRange("data/train.bin", 5, 4)).rejects.toThrow(RangeError);
});

it("says which file is missing", async () => {
  const { folder } = makeFolder();
  const source = folderSource(folder);
  expect(await source.has("none.json")).toBe(false);
  expect(await source.has("data")).toBe(false);
  expect(await source.has("config.json/below")).toBe(false);
  await expect(source.read("none.json")).rejects.toThrow(new NotFoundError(`${folder}: there is no file none.json`));
  await expect(source.read("data")).rejects.toThrow(NotFoundError);
});

it("refuses names and links that lead out of the folder, from every method", async () => {
  const { outer, folder } = makeFolder();
  symlinkSync(join(outer, "secret.txt"), join(folder, "link.txt"));
  symlinkSync(outer, join(folder, "up"));
  symlinkSync("config.json", join(folder, "inside.json"));
  const source = folderSource(folder);
  for (const path of ["../secret.txt", join(outer, "secret.txt"), "data/../../secret.txt", "link.txt", "up/secret.txt"]) {
    const asks = [() => source.read(path), () => source.has(path), () => source.size(path), () => source.readRange(path, 0, 1)];
    for (const ask of asks) await expect(ask(), path).rejects.toThrow(FormatError);
  }
  expect(await source.list()).toEqual(["config.json", "data/train.bin", "inside.json"]);
  expect(new TextDecoder().decode(await source.read("inside.json"))).toBe("{}");
});

it("follows the links from a snapshot of the Hub's cache to its blobs, and to no other place", async () => {
  const cache = temporaryFolder();
  const snapshot = join(cache, "models--o--n", "snapshots", "0123456789".repeat(4));
  mkdirSync(join(snapshot, "sub"), { recursive: true });
  mkdirSync(join(cache, "models--o--n", "blobs"));
  writeFileSync(join(cache, "models--o--n", "blobs", "b1"), "blob");
  writeFileSync(join(cache, "other"), "other");
  symlinkSync("../../../blobs/b1", join(snapshot, "sub", "a.txt"));
  symlinkSync("../../../other", join(snapshot, "b.txt"));
  expect(new TextDecoder().decode(await folderSource(snapshot).read("sub/a.txt"))).toBe("blob");
  expect(new TextDecoder().decode(await folderSource(join(snapshot, "sub")).read("a.txt"))).toBe("blob");
  await expect(folderSource(snapshot).read("b.txt")).rejects.toThrow(FormatError);
});
