import { open, readdir, realpath, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { expected, FormatError, NotFoundError } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { checkRelativePath } from "./relative-path.js";
import type { FileSource } from "./source.js";

/** Node reads at most 2^31 - 1 bytes in one call. */
const LARGEST_READ = 2 ** 30;

/**
 * The files below `folder`. Links are followed only where they stay inside it, or lead from a snapshot of the Hub's cache to that
 * repository's blobs.
 * @throws FormatError, from every method, for a name or link that leads out of the folder; NotFoundError for a file that is not there.
 */
export function folderSource(folder: string): FileSource {
  async function locate(path: string): Promise<string> {
    const asked = join(folder, checkRelativePath(path, folder));
    const base = await realpath(folder).catch(() => resolve(folder));
    const found = await realpath(asked).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") throw new NotFoundError(`${folder}: there is no file ${path}`);
      throw error;
    });
    if (isInside(found, base) || isInside(found, blobsOf(base))) return found;
    throw new FormatError(
      `${asked}: expected a file inside its folder, got a link to ${found}. Copy it there, or open the folder it is in`,
    );
  }

  async function size(path: string): Promise<number> {
    const found = await stat(await locate(path));
    if (found.isFile()) return found.size;
    throw new NotFoundError(`${folder}: expected a file ${path}, got ${found.isDirectory() ? "a folder" : "a device"}`);
  }

  const isFile = (path: string) =>
    size(path).then(
      () => true,
      (error) => {
        if (error instanceof NotFoundError) return false;
        throw error;
      },
    );

  return {
    name: folder,
    revision: null,
    async list() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const paths: string[] = [];
      for (const entry of entries) {
        const path = relative(folder, join(entry.parentPath ?? entry.path, entry.name))
          .split(sep)
          .join("/");
        if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path).catch(() => false)))) paths.push(path);
      }
      return paths.sort();
    },
    has: isFile,
    size,
    read: async (path) => readPart(await locate(path), 0, await size(path)),
    async readRange(path, start, end, into) {
      checkInteger(`${path}: start`, start, 0);
      checkInteger(`${path}: end`, end, start, Math.max(start, await size(path)));
      return readPart(await locate(path), start, end, into);
    },
  };
}

/** Reads bytes `[start, end)` of a file by position. */
async function readPart(file: string, start: number, end: number, into?: Uint8Array): Promise<Uint8Array> {
  const bytes = into ? into.subarray(0, end - start) : new Uint8Array(end - start);
  if (bytes.length !== end - start) throw new RangeError(expected(`memory for ${file}`, `${end - start} bytes`, bytes.length));
  const handle = await open(file, "r");
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(LARGEST_READ, bytes.length - done), start + done);
      if (bytesRead === 0) throw new FormatError(expected(file, `${end} bytes`, start + done, "The file became shorter while it was read"));
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
  return bytes;
}

function isInside(path: string, folder: string | null): boolean {
  return folder !== null && (path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
}

/** The blobs that a snapshot of the Hub's cache links to: `<repository>/snapshots/<commit>/...` to `<repository>/blobs`. */
function blobsOf(folder: string): string | null {
  const repository = /^(.*)[\\/]snapshots[\\/][0-9a-f]{40}(?:[\\/]|$)/.exec(folder)?.[1];
  return repository === undefined ? null : join(repository, "blobs");
}
