import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { FormatError, NotFoundError } from "../../src/core/errors.js";
import { memorySource, openSource } from "../../src/files/source.js";
import { temporaryName } from "../../src/files/temporary-name.js";
import { serveHub } from "../hub-server.js";
import { temporaryFolder } from "../temporary-folder.js";

const noHub = { fetch: vi.fn<typeof fetch>(() => Promise.reject(new Error("no request expected"))) };

it("opens an existing folder without asking the Hub", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a.txt"), "a");
  const source = await openSource(folder, "dataset", noHub);
  expect(source.name).toBe(folder);
  expect(source.revision).toBe(null);
  expect(await source.list()).toEqual(["a.txt"]);
  expect(noHub.fetch).not.toHaveBeenCalled();
});

it("opens an id on the Hub where there is no such folder", async () => {
  const hub = await serveHub({ "datasets/some/words": { "a.txt": "a" } });
  try {
    const source = await openSource("some/words", "dataset", { endpoint: hub.url, cacheFolder: temporaryFolder() });
    expect(source.name).toBe("some/words");
    expect(source.revision).toBe(hub.commit("datasets/some/words"));
    expect(await source.read("a.txt")).toEqual(new TextEncoder().encode("a"));
    const missing = openSource("some/model", "model", { endpoint: hub.url, cacheFolder: temporaryFolder() });
    await expect(missing).rejects.toThrow(
      /^some\/model: expected a folder or the id of a model on the Hub .* There is no folder .*; as an id: .*404/,
    );
  } finally {
    await hub.close();
  }
});

it("says that neither a folder nor an id was meant", async () => {
  for (const name of ["", "gpt2", "a/b/c", "./missing/folder", "/missing", "-a/b", "a/b.", "a--b/c", "a/../b", "a\u0000/b", "C:\\x\\y"]) {
    await expect(openSource(name, "model", noHub), name).rejects.toThrow(
      /expected a folder or the id of a model on the Hub .*, got neither/,
    );
  }
  const file = join(temporaryFolder(), "model.safetensors");
  writeFileSync(file, "x");
  await expect(openSource(file, "model", noHub)).rejects.toThrow("got a file. Give the folder that holds the file");
  expect(noHub.fetch).not.toHaveBeenCalled();
});

it("puts a folder back whose replacement was cut off", async () => {
  const folder = join(temporaryFolder(), "checkpoint");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.txt"), "old");
  renameSync(folder, temporaryName(folder, "old"));
  const source = await openSource(folder, "model", noHub);
  expect(new TextDecoder().decode(await source.read("a.txt"))).toBe("old");
});

it("holds files in memory", async () => {
  const source = memorySource({ "b.bin": Uint8Array.of(1, 2, 3), "a/t.txt": "é" });
  expect(await source.list()).toEqual(["a/t.txt", "b.bin"]);
  expect(await source.size("a/t.txt")).toBe(2);
  expect(await source.has("c")).toBe(false);
  expect([...(await source.readRange("b.bin", 1, 3))]).toEqual([2, 3]);
  await expect(source.read("c")).rejects.toThrow(NotFoundError);
  await expect(source.read("../c")).rejects.toThrow(FormatError);
  await expect(source.readRange("b.bin", 0, 4)).rejects.toThrow(RangeError);
  (await source.read("b.bin"))[0] = 9;
  expect([...(await source.read("b.bin"))]).toEqual([1, 2, 3]);
});
