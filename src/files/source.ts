import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { NotFoundError } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { folderSource } from "./folder-source.js";
import { type HubOptions, hubSource } from "./hub.js";
import { isHubId } from "./hub-repository.js";
import { checkRelativePath } from "./relative-path.js";
import { recoverFolder } from "./write.js";

export { folderSource };

/** A tree of files that can be read: a folder, a repository of the Hub at one commit, or memory. Names use `/`. */
export type FileSource = {
  /** The folder's path or the repository's id, for messages. */
  name: string;
  /** The commit that the files belong to; `null` where there is none. */
  revision: string | null;
  /** The names of all files, sorted. */
  list(): Promise<string[]>;
  has(path: string): Promise<boolean>;
  /** In bytes. */
  size(path: string): Promise<number>;
  read(path: string): Promise<Uint8Array>;
  /** Bytes `[start, end)`, in the first bytes of `into` where the source can write there, else in memory of their own. */
  readRange(path: string, start: number, end: number, into?: Uint8Array): Promise<Uint8Array>;
};

/**
 * Opens an existing folder or, where there is none of that name, the repository of that id on the Hub.
 * @throws NotFoundError where it is neither; HttpError where the Hub does not answer or does not let us in.
 */
export async function openSource(folderOrId: string, kind: "model" | "dataset", options: HubOptions = {}): Promise<FileSource> {
  await recoverFolder(folderOrId);
  const found = await stat(folderOrId).catch(() => null);
  if (found?.isDirectory()) return folderSource(folderOrId);
  const neither = `${folderOrId}: expected a folder or the id of a ${kind} on the Hub (\`organisation/name\`), got ${found ? "a file" : "neither"}`;
  const noFolder = found ? "Give the folder that holds the file" : `There is no folder ${resolve(folderOrId)}`;
  if (found || !isHubId(folderOrId)) throw new NotFoundError(`${neither}. ${noFolder}`);
  try {
    return await hubSource({ kind, id: folderOrId }, options);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new NotFoundError(`${neither}. ${noFolder}; as an id: ${error.message}`);
  }
}

/** Files held in memory, as a source; texts become UTF-8. */
export function memorySource(files: Record<string, Uint8Array | string>, name = "memory"): FileSource {
  const held = new Map(
    Object.entries(files).map(([path, data]) => [
      checkRelativePath(path, name),
      typeof data === "string" ? new TextEncoder().encode(data) : data,
    ]),
  );
  const find = (path: string) => {
    const data = held.get(checkRelativePath(path, name));
    if (data) return data;
    throw new NotFoundError(`${name}: there is no file ${path}`);
  };
  return {
    name,
    revision: null,
    list: async () => [...held.keys()].sort(),
    has: async (path) => held.has(checkRelativePath(path, name)),
    size: async (path) => find(path).length,
    read: async (path) => find(path).slice(),
    async readRange(path, start, end) {
      const data = find(path);
      checkInteger(`${path}: start`, start, 0);
      checkInteger(`${path}: end`, end, start, Math.max(start, data.length));
      return data.slice(start, end);
    },
  };
}
