import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { FormatError, HttpError, NotFoundError } from "../../src/core/errors.js";
import { type HubOptions, hubSource } from "../../src/files/hub.js";
import { type HubFiles, type HubServerOptions, sendJson, serveHub } from "../hub-server.js";
import { temporaryFolder } from "../temporary-folder.js";

const FILES: HubFiles = {
  "models/some/model": {
    "config.json": '{"model_type":"gpt2"}',
    "model.safetensors": new Uint8Array(300_000).map((_, i) => i % 251),
    "sub folder/ü#?%20.txt": "odd name",
    "empty.txt": "",
  },
  "datasets/some/words": { "data/train.parquet": "PAR1...", "README.md": "# words" },
};

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) await server.close();
});

async function setUp(options: HubServerOptions = {}, files = FILES) {
  const server = await serveHub(files, options);
  servers.push(server);
  const cacheFolder = temporaryFolder();
  const reach: HubOptions = { endpoint: server.url, cacheFolder, retrySeconds: 0.001 };
  return { server, cacheFolder, reach };
}

const MODEL = { kind: "model", id: "some/model" } as const;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

it("downloads small and large files of models and data sets", async () => {
  const { server, reach } = await setUp();
  const model = await hubSource(MODEL, reach);
  expect(model.revision).toBe(server.commit("models/some/model"));
  expect(await model.list()).toEqual(Object.keys(FILES["models/some/model"]!).sort());
  for (const [path, content] of Object.entries(FILES["models/some/model"]!)) {
    expect(await model.has(path)).toBe(true);
    expect(Buffer.from(await model.read(path)).equals(Buffer.from(content as Uint8Array)), path).toBe(true);
    expect(await model.size(path)).toBe(Buffer.byteLength(content));
  }
  expect([...(await model.readRange("model.safetensors", 252, 255))]).toEqual([1, 2, 3]);
  const words = await hubSource({ kind: "dataset", id: "some/words" }, reach);
  expect(text(await words.read("data/train.parquet"))).toBe("PAR1...");
  await expect(words.read("data/test.parquet")).rejects.toThrow(NotFoundError);
  expect(await words.has("data/test.parquet")).toBe(false);
});

it("keeps files in the Hub's own cache layout", async () => {
  const { server, reach, cacheFolder } = await setUp();
  const model = await hubSource(MODEL, reach);
  await model.read("model.safetensors");
  await model.read("sub folder/ü#?%20.txt");
  const repository = join(cacheFolder, "models--some--model");
  const commit = server.commit("models/some/model");
  const snapshot = join(repository, "snapshots", commit);
  expect(readFileSync(join(repository, "refs", "main"), "utf8")).toBe(commit);
  expect(lstatSync(join(snapshot, "model.safetensors")).isSymbolicLink()).toBe(true);
  expect(readlinkSync(join(snapshot, "model.safetensors"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
  expect(readlinkSync(join(snapshot, "sub folder/ü#?%20.txt"))).toBe(`../../../blobs/${gitHash("odd name")}`);
  expect(readdirSync(join(repository, "blobs"))).toHaveLength(2);
  expect(readdirSync(snapshot).sort()).toEqual(["model.safetensors", "sub folder"]);
});

it("downloads a file once, and shares blobs between commits", async () => {
  const { server, reach } = await setUp();
  const model = await hubSource(MODEL, reach);
  await Promise.all([model.read("model.safetensors"), model.read("model.safetensors"), model.readRange("model.safetensors", 0, 9)]);
  await (await hubSource(MODEL, reach)).read("model.safetensors");
  expect(server.requests.filter(({ store }) => store)).toHaveLength(1);

  const next = await serveHub({ "models/some/model": { ...FILES["models/some/model"], "config.json": "{}" } });
  servers.push(next);
  const later = await hubSource(MODEL, { ...reach, endpoint: next.url });
  expect(later.revision).not.toBe(model.revision);
  expect(text(await later.read("config.json"))).toBe("{}");
  await later.read("model.safetensors");
  expect(next.requests.filter(({ store }) => store)).toHaveLength(0);
});

it("reads a cached file of a pinned commit without any request", async () => {
  const { server, reach } = await setUp();
  await (await hubSource(MODEL, reach)).read("config.json");
  const seen = server.requests.length;
  const pinned = await hubSource(MODEL, { ...reach, revision: server.commit("models/some/model") });
  expect(text(await pinned.read("config.json"))).toContain("gpt2");
  expect(server.requests).toHaveLength(seen);
});

it("follows the pages of a long listing", async () => {
  const files = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`file-${i}.txt`, `${i}`]));
  const { reach } = await setUp({ pageSize: 10 }, { "models/some/model": files });
  expect(await (await hubSource(MODEL, reach)).list()).toHaveLength(25);
});

it("works from the cache alone when it is told to, by option or environment", async () => {
  const { server, reach } = await setUp();
  const online = await hubSource(MODEL, reach);
  await online.read("config.json");
  const seen = server.requests.length;
  for (const flag of ["1", "true", "ON"]) {
    vi.stubEnv("HF_HUB_OFFLINE", flag);
    const offline = await hubSource(MODEL, reach);
    expect(offline.revision).toBe(online.revision);
    expect(await offline.list()).toEqual(["config.json"]);
    expect(text(await offline.read("config.json"))).toContain("gpt2");
    await expect(offline.read("model.safetensors")).rejects.toThrow(
      /some\/model at [0-9a-f]{40}: .*no file model.safetensors; the Hub is switched off/,
    );
  }
  vi.stubEnv("HF_HUB_OFFLINE", "0");
  const { revision } = await hubSource(MODEL, { ...reach, offline: true, revision: online.revision! });
  expect(revision).toBe(online.revision);
  const other = hubSource({ kind: "dataset", id: "some/words" }, { ...reach, offline: true });
  await expect(other).rejects.toThrow(/some\/words: the cache .* does not hold revision main, and the Hub is switched off/);
  expect(server.requests).toHaveLength(seen);
});

it("takes endpoint and cache folder from the environment", async () => {
  const { server, cacheFolder } = await setUp();
  vi.stubEnv("HF_ENDPOINT", `${server.url}/`);
  for (const [name, folder] of [
    ["HF_HOME", "home/hub"],
    ["HUGGINGFACE_HUB_CACHE", "old"],
    ["HF_HUB_CACHE", "new"],
  ] as const) {
    vi.stubEnv(name, join(cacheFolder, folder.split("/")[0]!));
    await (await hubSource(MODEL)).read("config.json");
    expect(existsSync(join(cacheFolder, folder, "models--some--model", "refs", "main")), name).toBe(true);
  }
});

it("reports progress in bytes", async () => {
  const { reach } = await setUp();
  const seen: { file: string; loaded: number; total: number }[] = [];
  await (await hubSource(MODEL, { ...reach, onProgress: (progress) => seen.push(progress) })).read("model.safetensors");
  expect(seen[0]).toEqual({ file: "model.safetensors", loaded: 0, total: 300_000 });
  expect(seen.at(-1)).toEqual({ file: "model.safetensors", loaded: 300_000, total: 300_000 });
  expect(seen.every(({ loaded }, i) => i === 0 || loaded >= seen[i - 1]!.loaded)).toBe(true);
});

it("says what is missing: repository, revision, connection", async () => {
  const { reach, server } = await setUp();
  await expect(hubSource({ kind: "model", id: "no/body" }, reach)).rejects.toThrow(
    new NotFoundError(`${server.url}/api/models/no/body/revision/main: the Hub answered 404 (RepoNotFound)`),
  );
  await expect(hubSource(MODEL, { ...reach, revision: "v9" })).rejects.toThrow(/404 \(RevisionNotFound\)/);
  const gone = hubSource(MODEL, { ...reach, endpoint: "http://127.0.0.1:9" });
  await expect(gone).rejects.toThrow(/no answer .*Set HF_HUB_OFFLINE=1/);
  await expect(gone).rejects.toBeInstanceOf(HttpError);
});

it("refuses ids and revisions that are none", async () => {
  const { reach, server } = await setUp();
  for (const id of ["gpt2", "../..", "a/..", "a/b/c", "a b/c", "a--b/c", "a/b?x"]) {
    await expect(hubSource({ kind: "model", id }, reach), id).rejects.toThrow(TypeError);
  }
  for (const revision of ["../../x", "/etc", "a\\b", ""])
    await expect(hubSource(MODEL, { ...reach, revision })).rejects.toThrow(FormatError);
  expect(server.requests).toHaveLength(0);
});

it("refuses a repository with a file name that leaves the folder, and writes nothing", async () => {
  for (const name of ["../evil.txt", "/etc/evil", "a/../../evil", "C:\\evil", "c:evil", "..\\evil", "\\\\host\\evil", "a//b", "x\u0000"]) {
    const { reach, cacheFolder } = await setUp({}, { "models/some/model": { "good.txt": "good", [name]: "evil" } });
    const model = await hubSource(MODEL, reach);
    await expect(model.list(), name).rejects.toThrow(FormatError);
    await expect(model.read(name), name).rejects.toThrow(FormatError);
    expect(existsSync(join(cacheFolder, "models--some--model", "blobs"))).toBe(false);
  }
});

it("refuses answers of the API that are not what they should be", async () => {
  const hash = "a".repeat(40);
  const listings: unknown[] = [
    ...[{ error: "x" }, "text", null, [null], [{ type: "file", path: "a", size: 1, oid: "../../../evil" }]],
    ...[[{ type: "file", path: "a", size: -1, oid: hash }], [{ type: "file", path: "a", size: 1e300, oid: hash }]],
    ...[[{ type: "file", path: 7, size: 1, oid: hash }], [{ type: "file", path: "a", size: 1, oid: hash, lfs: { oid: hash, size: 1 } }]],
  ];
  for (const listing of listings) {
    const { reach } = await setUp({
      intercept: (request, response) => Boolean(request.url?.includes("/tree/")) && sendJson(response, listing),
    });
    await expect((await hubSource(MODEL, reach)).list(), JSON.stringify(listing)).rejects.toThrow(FormatError);
  }
  for (const sha of ["main", "../../x", 7, undefined]) {
    const { reach } = await setUp({ intercept: (_, response) => sendJson(response, { id: "some/model", sha }) });
    await expect(hubSource(MODEL, reach)).rejects.toThrow(/expected the commit of main/);
  }
  const { reach } = await setUp({ intercept: (_, response) => Boolean(response.end("<html>Log in to the hotel's network</html>")) });
  await expect(hubSource(MODEL, reach)).rejects.toThrow(FormatError);
});

it("checks a blob that it finds in the cache before it links it", async () => {
  const { reach, cacheFolder } = await setUp();
  const blobs = join(cacheFolder, "models--some--model", "blobs");
  mkdirSync(blobs, { recursive: true });
  const wrong = '{"model_type":"gpt3"}';
  writeFileSync(join(blobs, gitHash(FILES["models/some/model"]!["config.json"] as string)), wrong);
  expect(text(await (await hubSource(MODEL, reach)).read("config.json"))).toContain("gpt2");
});

function gitHash(content: string): string {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(content)}\0${content}`)
    .digest("hex");
}
