import { mkdir, open, readdir, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { expected } from "../core/errors.js";
import { leftovers, temporaryName } from "./temporary-name.js";

/**
 * Writes a file so that it is either the old one or the new one, whole, at every moment: beside the target, flushed to the disk, renamed.
 * `data` is the content, or a function that writes it to the path it is given. Of several writers at once the last one wins.
 */
export async function writeFileSafely(path: string, data: string | Uint8Array | ((temporary: string) => Promise<void>)): Promise<void> {
  const target = resolve(path);
  await mkdir(dirname(target), { recursive: true });
  await sweep(target);
  const temporary = temporaryName(target, "tmp");
  try {
    await (typeof data === "function" ? data(temporary) : writeFile(temporary, data));
    await flush(temporary);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flush(dirname(target));
}

/**
 * Replaces a whole folder: `fill` writes the new one into the empty folder it is given, which then takes the old one's place. If `fill`
 * throws, the old folder stays. No file system swaps two folders in one step, so a process that is killed exactly between two renames leaves
 * the folder under a hidden name beside its place; `recoverFolder` (which `openSource` and the next `replaceFolder` call) puts it back.
 * @throws RangeError for a file or a folder that holds the working folder.
 */
export async function replaceFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const target = await realpath(folder).catch(() => resolve(folder));
  if (`${process.cwd()}${sep}`.startsWith(target.endsWith(sep) ? target : target + sep)) {
    throw new RangeError(expected("replaceFolder", "a folder below the working folder or apart from it", folder));
  }
  if (
    await stat(target).then(
      (found) => !found.isDirectory(),
      () => false,
    )
  )
    throw new RangeError(expected("replaceFolder", "a folder", folder));
  await mkdir(dirname(target), { recursive: true });
  await sweep(target);
  const temporary = temporaryName(target, "tmp");
  const complete = temporaryName(target, "new");
  try {
    await mkdir(temporary);
    await fill(temporary);
    await flushTree(temporary);
    await rename(temporary, complete);
    await swap(complete, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    await rm(complete, { recursive: true, force: true });
    await recoverFolder(target);
    throw error;
  }
}

/** Puts a folder back whose replacement was cut off between two renames: the new one if it is complete, else the old one. */
export async function recoverFolder(folder: string): Promise<void> {
  const target = await readlink(folder).then(
    (link) => resolve(dirname(folder), link),
    () => resolve(folder),
  );
  if (await exists(target)) return;
  for (const end of ["new", "old"]) {
    const candidates = (await leftovers(target)).filter((leftover) => leftover.end === end);
    const ages = await Promise.all(candidates.map(async ({ path }) => (await stat(path).catch(() => null))?.mtimeMs ?? 0));
    const newest = candidates[ages.indexOf(Math.max(...ages))]?.path;
    if (newest === undefined) continue;
    if (await exists(target)) return;
    // Another process may be doing the same: whoever renames first has done it for both.
    await rename(newest, target).catch(() => undefined);
  }
}

/** Moves `complete` to `target`, and what was there away. */
async function swap(complete: string, target: string): Promise<void> {
  const moved: string[] = [];
  for (let attempts = 0; ; attempts++) {
    try {
      await rename(complete, target);
      break;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" && (await exists(target))) break; // a reader's recoverFolder placed it for us
      if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(code ?? "") || attempts === 100) throw error;
    }
    const old = temporaryName(target, "old");
    const gone = await rename(target, old).then(() => true, ignore("ENOENT"));
    if (gone) moved.push(old);
  }
  await flush(dirname(target));
  for (const old of moved) {
    // Renamed first, so that a half-deleted folder can never be mistaken for the old one.
    const trash = temporaryName(target, "tmp");
    await rename(old, trash)
      .then(() => rm(trash, { recursive: true, force: true }))
      .catch(ignore("ENOENT", "EPERM", "EBUSY"));
  }
}

/** Recovers `target` and removes what ended processes left beside it. */
async function sweep(target: string): Promise<void> {
  await recoverFolder(target);
  for (const { path, abandoned } of await leftovers(target)) {
    if (abandoned) await rm(path, { recursive: true, force: true });
  }
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flushTree(path);
    else if (entry.isFile()) await flush(path);
  }
  await flush(folder);
}

/** Waits until a file, or the names in a folder, are on the disk. Windows flushes only what is open for writing, and no folders. */
async function flush(path: string): Promise<void> {
  const windows = process.platform === "win32";
  if (windows && (await stat(path)).isDirectory()) return;
  const handle = await open(path, windows ? "r+" : "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** For `catch`: `false` for the named system errors, all others thrown on. */
function ignore(...codes: string[]): (error: NodeJS.ErrnoException) => false {
  return (error) => {
    if (codes.includes(error.code ?? "")) return false;
    throw error;
  };
}
