import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { FormatError, HttpError } from "../../src/core/errors.js";
import { hubSource } from "../../src/files/hub.js";
import { temporaryName } from "../../src/files/temporary-name.js";
import { childRunner, ended } from "../child.js";
import { fail, type HubServerOptions, serveHub } from "../hub-server.js";
import { temporaryFolder } from "../temporary-folder.js";

const SIZE = 400_000;
const WEIGHTS = new Uint8Array(SIZE).map((_, i) => (i * 7) % 253);
const FILES = { "models/some/model": { "config.json": '{"small":"file"}', "model.safetensors": WEIGHTS } };
const MODEL = { kind: "model", id: "some/model" } as const;

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function setUp(intercept: NonNullable<HubServerOptions["intercept"]> = () => false) {
  const server = await serveHub(FILES, { intercept });
  servers.push(server);
  const cacheFolder = temporaryFolder();
  const blobs = join(cacheFolder, "models--some--model", "blobs");
  return {
    server,
    open: () => hubSource(MODEL, { endpoint: server.url, cacheFolder, retrySeconds: 0.001 }),
    cacheFolder,
    /** Names in the blobs folder: whole ones, and the number of partial ones. */
    seen() {
      const names = existsSync(blobs) ? readdirSync(blobs) : [];
      return {
        whole: names.filter((name) => /^[0-9a-f]+$/.test(name)).length,
        partial: names.filter((name) => name.endsWith(".incomplete")).length,
      };
    },
    blobs,
    storeRanges: () => server.requests.filter((one) => one.store).map((one) => one.range),
  };
}

/** Sends the file from the asked start on, but only `length` bytes of it, and breaks the connection. */
function sendSome(response: ServerResponse, range: string | undefined, length: number) {
  const start = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
  if (range) response.setHeader("Content-Range", `bytes ${start}-${SIZE - 1}/${SIZE}`);
  response.setHeader("Content-Length", SIZE - start);
  response.writeHead(range ? 206 : 200);
  response.write(WEIGHTS.subarray(start, start + length), () => setTimeout(() => response.destroy(), 20));
  return true;
}

it("refuses wrong bytes of the right length, once and for all, and keeps none of them", async () => {
  for (const file of ["model.safetensors", "config.json"]) {
    const { open, seen, server } = await setUp((request, response, store) => {
      if (!store && !request.url?.endsWith("config.json")) return false;
      const wrong = Buffer.from(store ? WEIGHTS : FILES["models/some/model"]["config.json"]);
      wrong[5]! ^= 1;
      response.writeHead(200, { "Content-Length": wrong.length }).end(wrong);
      return true;
    });
    await expect((await open()).read(file), file).rejects.toThrow(FormatError);
    expect(seen()).toEqual({ whole: 0, partial: 0 });
    expect(server.requests.filter(({ path }) => path.includes("/resolve/"))).toHaveLength(1);
  }
});

it("stops at more bytes than the listing says", async () => {
  let sent = 0;
  const { open, seen } = await setUp((_, response, store) => {
    if (!store) return false;
    const more = () => {
      while (!response.destroyed && sent < 200_000_000) {
        sent += 100_000;
        if (!response.write(new Uint8Array(100_000))) return void response.once("drain", more);
      }
      response.end();
    };
    more();
    return true;
  });
  await expect((await open()).read("model.safetensors")).rejects.toThrow(`model.safetensors: expected ${SIZE} bytes, got more`);
  expect(sent).toBeLessThan(100_000_000);
  expect(seen()).toEqual({ whole: 0, partial: 0 });
});

it("takes a lost connection up where it broke", async () => {
  const { open, storeRanges, seen } = await setUp(
    (request, response, store) => store && storeRanges().length < 4 && sendSome(response, request.headers.range, 100_000),
  );
  expect(Buffer.from(await (await open()).read("model.safetensors")).equals(Buffer.from(WEIGHTS))).toBe(true);
  // How much of what was sent before the break arrives is up to the system.
  const starts = storeRanges().map((range) => Number(/\d+/.exec(range ?? "0")?.[0]));
  expect(starts).toHaveLength(4);
  expect(starts.every((start, i) => (i === 0 ? start === 0 : start > starts[i - 1]! && start <= starts[i - 1]! + 100_000))).toBe(true);
  expect(seen()).toEqual({ whole: 1, partial: 0 });
});

it("notices a body that ends early without an error", async () => {
  const { open, storeRanges } = await setUp((_, response, store) => {
    if (!store || storeRanges().length > 1) return false;
    response.writeHead(200, { "Content-Length": 1000 }).end(WEIGHTS.subarray(0, 1000));
    return true;
  });
  expect(await (await open()).read("model.safetensors")).toHaveLength(SIZE);
  expect(storeRanges()).toEqual([null, "bytes=1000-"]);
});

it("starts again where the server does not continue", async () => {
  const { open, storeRanges } = await setUp((request, response, store) => {
    if (!store) return false;
    if (storeRanges().length === 1) return sendSome(response, undefined, 100_000);
    delete request.headers.range; // the whole file, status 200
    return false;
  });
  expect(Buffer.from(await (await open()).read("model.safetensors")).equals(Buffer.from(WEIGHTS))).toBe(true);
  expect(storeRanges()).toHaveLength(2);
});

it("gives up after five attempts and continues at the next call", async () => {
  let broken = true;
  const { open, storeRanges, seen, blobs } = await setUp(
    (request, response, store) => store && broken && sendSome(response, request.headers.range, 50_000),
  );
  await expect((await open()).read("model.safetensors")).rejects.toThrow(HttpError);
  expect(storeRanges()).toHaveLength(5);
  expect(seen()).toEqual({ whole: 0, partial: 1 });
  const { size } = statSync(join(blobs, readdirSync(blobs)[0]!));
  expect(size).toBeGreaterThan(0);
  broken = false;
  expect(Buffer.from(await (await open()).read("model.safetensors")).equals(Buffer.from(WEIGHTS))).toBe(true);
  expect(storeRanges().at(-1)).toBe(`bytes=${size}-`);
  expect(seen()).toEqual({ whole: 1, partial: 0 });
});

it("retries a server that is busy at the file itself", async () => {
  const { open, storeRanges } = await setUp((_, response, store) => store && storeRanges().length < 3 && fail(response, 503, "Busy"));
  expect(await (await open()).read("model.safetensors")).toHaveLength(SIZE);
  expect(storeRanges()).toHaveLength(3);
});

it("throws away a bad beginning that an earlier process left, and begins anew", async () => {
  const { open, storeRanges, seen, blobs } = await setUp();
  await (await open()).read("config.json");
  const target = join(blobs, createHash("sha256").update(WEIGHTS).digest("hex"));
  for (const length of [1000, SIZE]) writeFileSync(temporaryName(target, "incomplete", true), new Uint8Array(length));
  expect(Buffer.from(await (await open()).read("model.safetensors")).equals(Buffer.from(WEIGHTS))).toBe(true);
  expect(storeRanges()).toEqual([null]);
  expect(seen()).toEqual({ whole: 2, partial: 0 });
});

it("shows nothing of a download that was killed, and the next process continues it", async () => {
  const runner = await childRunner("files/hub.ts");
  const { open, server, seen, storeRanges, cacheFolder } = await setUp((_, response, store) => {
    if (!store || storeRanges().length > 1) return false;
    response.writeHead(200, { "Content-Length": SIZE });
    response.write(WEIGHTS.subarray(0, 150_000)); // and then nothing more: the child is killed while it waits
    return true;
  });
  try {
    const child = runner.start(
      `import { hubSource } from "./src/files/hub.js";
       const [endpoint, cacheFolder] = process.argv.slice(1);
       const onProgress = ({ loaded }) => console.log(loaded);
       await (await hubSource({ kind: "model", id: "some/model" }, { endpoint, cacheFolder, onProgress })).read("model.safetensors");`,
      { args: [server.url, cacheFolder] },
    );
    const end = ended(child);
    for await (const text of child.stdout!) {
      if (String(text).split("\n").includes("150000")) child.kill("SIGKILL");
    }
    expect((await end).signal).toBe("SIGKILL");
    expect(seen()).toEqual({ whole: 0, partial: 1 });
    expect(existsSync(join(cacheFolder, "models--some--model", "snapshots"))).toBe(false);
    expect(Buffer.from(await (await open()).read("model.safetensors")).equals(Buffer.from(WEIGHTS))).toBe(true);
    expect(storeRanges()).toEqual([null, "bytes=150000-"]);
    expect(seen()).toEqual({ whole: 1, partial: 0 });
  } finally {
    await runner.dispose();
  }
});

it("lets several downloads of one file run beside each other", async () => {
  const { open, seen } = await setUp();
  const sources = await Promise.all(Array.from({ length: 5 }, open));
  for (const bytes of await Promise.all(sources.map((source) => source.read("model.safetensors")))) {
    expect(Buffer.from(bytes).equals(Buffer.from(WEIGHTS))).toBe(true);
  }
  expect(seen()).toEqual({ whole: 1, partial: 0 });
});
