import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { expected, FormatError, HttpError } from "../core/errors.js";
import { type HubConnection, reason } from "./hub-request.js";
import { leftovers, temporaryName } from "./temporary-name.js";

/** What a file must be: its size in bytes, and its sha256 (64 hex digits, large files) or its git blob sha1 (40, small ones). */
export type Fingerprint = { size: number; hash: string };

/**
 * Downloads `url` to `target`, where it appears only when it is whole and is what `wanted` says. A lost connection is taken up where it
 * broke, also that of an earlier process: each writer has a file of its own beside the target, and starts with what ended ones left.
 *
 * The library's own `downloadFileToCacheDir` is not used: it checks neither size nor hash, shares one partial file between processes,
 * cannot resume, loses the status of errors and prints.
 * @throws FormatError for other bytes than `wanted`; HttpError when the last attempt failed; NotFoundError.
 */
export async function download(
  hub: HubConnection,
  url: string,
  target: string,
  wanted: Fingerprint,
  onLoaded: (loaded: number) => void,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const partial = temporaryName(target, "incomplete");
  let resumed = await adoptPartial(target, partial, wanted.size);
  try {
    for (;;) {
      await hub.withRetries(() => fetchRest(hub, url, partial, wanted.size, onLoaded));
      if (await isWhole(partial, wanted)) break;
      await rm(partial, { force: true });
      if (!resumed) throw new FormatError(expected(basename(url), `bytes with hash ${wanted.hash}`, "others", "They were thrown away"));
      // What an earlier process left may have been bad: once more, from the start.
      resumed = false;
    }
    await rename(partial, target);
  } catch (error) {
    if (error instanceof HttpError) await rename(partial, temporaryName(target, "incomplete", true)).catch(() => undefined);
    else await rm(partial, { force: true });
    throw error;
  }
}

/** Whether a file is there and is what it must be. */
export async function isWhole(path: string, { size, hash }: Fingerprint): Promise<boolean> {
  if ((await stat(path).catch(() => null))?.size !== size) return false;
  const hasher = hash.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  await pipeline(createReadStream(path), hasher);
  return hasher.digest("hex") === hash;
}

/** Requests the bytes that `partial` lacks and appends them. */
async function fetchRest(
  hub: HubConnection,
  url: string,
  partial: string,
  size: number,
  onLoaded: (loaded: number) => void,
): Promise<void> {
  const file = await open(partial, "a");
  try {
    let loaded = (await file.stat()).size;
    onLoaded(loaded);
    if (loaded === size) return;
    const range: Record<string, string> = loaded > 0 ? { range: `bytes=${loaded}-` } : {};
    const response = await hub.request(url, { "accept-encoding": "identity", ...range });
    if (response.status !== 206 || !response.headers.get("content-range")?.startsWith(`bytes ${loaded}-`)) {
      await file.truncate(0);
      loaded = 0;
    }
    for await (const part of partsOf(response, basename(url))) {
      loaded += part.length;
      if (loaded > size) throw new FormatError(`${basename(url)}: expected ${size} bytes, got more. They were thrown away`);
      await file.writeFile(part);
      onLoaded(loaded);
    }
    if (loaded < size) throw new HttpError(`${basename(url)}: the connection was lost after ${loaded} of ${size} bytes`, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The body as it comes in. @throws HttpError where the connection is lost. */
async function* partsOf(response: Response, name: string): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const part = await reader?.read().catch((error) => {
        throw new HttpError(`${name}: the connection was lost (${reason(error)})`, 0);
      });
      if (!part || part.done) return;
      yield part.value;
    }
  } finally {
    await reader?.cancel().catch(() => undefined); // of a body that was not read to its end
  }
}

/** Copies the longest abandoned download of `target` to `partial` and says whether there was one. A copy: whoever wrote it may live after all. */
async function adoptPartial(target: string, partial: string, size: number): Promise<boolean> {
  const abandoned = (await leftovers(target)).filter((leftover) => leftover.abandoned && leftover.end === "incomplete");
  const found = await Promise.all(abandoned.map(async ({ path }) => ({ path, size: (await stat(path).catch(() => null))?.size ?? 0 })));
  const longest = found.filter((one) => one.size > 0 && one.size <= size).sort((a, b) => b.size - a.size)[0];
  // The copy fails where another writer has just taken it.
  const adopted = longest
    ? await copyFile(longest.path, partial).then(
        () => true,
        () => false,
      )
    : false;
  for (const { path } of found) await rm(path, { force: true });
  return adopted;
}
