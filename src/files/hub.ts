import { copyFile, mkdir, readFile, rename, stat, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { expected, NotFoundError } from "../core/errors.js";
import { folderSource } from "./folder-source.js";
import { download, type Fingerprint, isWhole } from "./hub-download.js";
import { COMMIT, type HubRepository, isHubId, listRepository, resolveRevision } from "./hub-repository.js";
import { type ConnectionOptions, connect } from "./hub-request.js";
import { checkRelativePath } from "./relative-path.js";
import type { FileSource } from "./source.js";
import { temporaryName } from "./temporary-name.js";
import { writeFileSafely } from "./write.js";

export type HubOptions = ConnectionOptions & {
  /** Branch, tag or commit; default `main`. Only a commit (40 hex digits) is the same files tomorrow. */
  revision?: string;
  /** Default `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME/hub`, or the user's cache folder: the one that Python uses. */
  cacheFolder?: string;
  /** Use only what the cache holds; default whether `HF_HUB_OFFLINE` is set. */
  offline?: boolean;
  /** Called while a file is downloaded; in bytes. */
  onProgress?: (progress: { file: string; loaded: number; total: number }) => void;
};

/**
 * Opens a repository of the Hub. A file is downloaded when it is first read, checked against the size and hash that the repository
 * lists, and kept in the Hub's own cache layout (`models--org--name/{blobs,refs,snapshots}`), which Python shares. `revision` is the
 * commit that the asked revision stands for now; offline, the one it stood for last.
 * @throws NotFoundError for a repository, revision or file that is not there (offline: not in the cache); HttpError where the Hub does
 * not answer or refuses; FormatError for unsafe file names or wrong bytes; TypeError for what is no id.
 */
export async function hubSource({ kind, id }: HubRepository, options: HubOptions = {}): Promise<FileSource> {
  if (!isHubId(id)) throw new TypeError(expected("Hub id", "`organisation/name`", id));
  const revision = checkRelativePath(options.revision ?? "main", "revision");
  const { getHFHubCachePath, getRepoFolderName } = await import("@huggingface/hub"); // a tenth of a second, not to be paid by every import
  const cache = resolve((options.cacheFolder ?? getHFHubCachePath()).replace(/^~(?=$|[\\/])/, homedir()));
  const folder = join(cache, getRepoFolderName({ type: kind, name: id }));
  const reference = join(folder, "refs", ...revision.split("/"));
  const snapshot = (commit: string) => join(folder, "snapshots", commit);

  if (options.offline ?? /^(1|on|yes|true)$/i.test(process.env.HF_HUB_OFFLINE ?? "")) {
    const commit = COMMIT.test(revision) ? revision : (await readFile(reference, "utf8").catch(() => "")).trim();
    if (COMMIT.test(commit) && (await isFolder(snapshot(commit)))) return cachedSource(id, commit, snapshot(commit));
    throw new NotFoundError(`${id}: the cache ${cache} does not hold revision ${revision}, and the Hub is switched off. ${ONLINE}`);
  }

  const hub = connect(options);
  const commit = COMMIT.test(revision) ? revision : await resolveRevision(hub, { kind, id }, revision);
  if (commit !== revision && (await readFile(reference, "utf8").catch(() => "")) !== commit) await writeFileSafely(reference, commit);

  const cached = folderSource(snapshot(commit));
  let listing: Promise<Map<string, Fingerprint>> | null = null;
  const list = () => {
    listing ??= listRepository(hub, { kind, id }, commit).catch((error) => {
      listing = null; // asked again next time
      throw error;
    });
    return listing;
  };
  const find = async (path: string) => {
    const found = (await list()).get(checkRelativePath(path, id));
    if (found) return found;
    throw new NotFoundError(`${id} at ${commit}: there is no file ${path}`);
  };

  async function fetchFile(path: string): Promise<void> {
    if (await cached.has(path)) return;
    const wanted = await find(path);
    const blob = join(folder, "blobs", wanted.hash);
    if (!(await isWhole(blob, wanted))) {
      const name = path.split("/").map(encodeURIComponent).join("/");
      const url = `${hub.endpoint}/${kind === "dataset" ? "datasets/" : ""}${id}/resolve/${commit}/${name}`;
      await download(hub, url, blob, wanted, (loaded) => options.onProgress?.({ file: path, loaded, total: wanted.size }));
    }
    await link(blob, join(snapshot(commit), ...path.split("/")));
  }

  // Two readers of one file share its download.
  const running = new Map<string, Promise<void>>();
  const ensure = (path: string) => {
    const fetching = running.get(path) ?? fetchFile(path).finally(() => running.delete(path));
    running.set(path, fetching);
    return fetching;
  };

  return {
    name: id,
    revision: commit,
    list: async () => [...(await list()).keys()].sort(),
    has: async (path) => (await list()).has(checkRelativePath(path, id)),
    size: async (path) => ((await cached.has(path)) ? cached.size(path) : (await find(path)).size),
    async read(path) {
      await ensure(path);
      return cached.read(path);
    },
    async readRange(path, start, end, into) {
      await ensure(path);
      return cached.readRange(path, start, end, into);
    },
  };
}

const ONLINE = "Run once with a connection and without HF_HUB_OFFLINE, or give a folder that holds the files";

/** What the cache holds of one commit: only the files that were read before. */
function cachedSource(id: string, commit: string, folder: string): FileSource {
  const source = folderSource(folder);
  const explained = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new NotFoundError(`${id} at ${commit}: ${error.message}; the Hub is switched off. ${ONLINE}`);
    }
  };
  return {
    name: id,
    revision: commit,
    list: () => source.list(),
    has: (path) => source.has(path),
    size: (path) => explained(source.size(path)),
    read: (path) => explained(source.read(path)),
    readRange: (path, start, end, into) => explained(source.readRange(path, start, end, into)),
  };
}

/** Makes the snapshot's entry: a relative link to the blob, or a copy where links cannot be made. */
async function link(blob: string, entry: string): Promise<void> {
  await mkdir(dirname(entry), { recursive: true });
  const temporary = temporaryName(blob, "tmp"); // beside the blob: a snapshot holds nothing but its files
  await symlink(relative(dirname(entry), blob), temporary).catch(() => copyFile(blob, temporary));
  await rename(temporary, entry);
}

const isFolder = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
