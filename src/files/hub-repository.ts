import { expected, FormatError, HttpError, NotFoundError } from "../core/errors.js";
import type { Fingerprint } from "./hub-download.js";
import type { HubConnection } from "./hub-request.js";
import { checkRelativePath } from "./relative-path.js";

/** A repository of the Hub. */
export type HubRepository = {
  kind: "model" | "dataset";
  /** `organisation/name`. */
  id: string;
};

export const COMMIT = /^[0-9a-f]{40}$/;
/** More files than any repository we read has; a listing that goes on is cut off. */
const MOST_FILES = 100_000;

/** Whether `id` can name a repository: `organisation/name` in the Hub's characters. */
export function isHubId(id: string): boolean {
  return /^\b[\w.-]{1,96}\b\/\b[\w.-]{1,96}\b$/.test(id) && !/--|\.\./.test(id);
}

/** The commit that a branch or tag stands for now. */
export async function resolveRevision(hub: HubConnection, { kind, id }: HubRepository, revision: string): Promise<string> {
  const asked = { name: id, revision, hubUrl: hub.endpoint, fetch: hub.api };
  const { datasetInfo, modelInfo } = await import("@huggingface/hub");
  try {
    const { sha } =
      kind === "model"
        ? await modelInfo({ ...asked, additionalFields: ["sha"] })
        : await datasetInfo({ ...asked, additionalFields: ["sha"] });
    if (typeof sha === "string" && COMMIT.test(sha)) return sha;
  } catch (error) {
    if (isOurs(error)) throw error;
  }
  throw new FormatError(`${id}: expected the commit of ${revision} from ${hub.endpoint}, got something else`);
}

/** The files of a commit. @throws FormatError for unsafe names, unknown hashes and answers that are no list. */
export async function listRepository(hub: HubConnection, { kind, id }: HubRepository, commit: string): Promise<Map<string, Fingerprint>> {
  const { listFiles } = await import("@huggingface/hub");
  const files = new Map<string, Fingerprint>();
  try {
    const entries = listFiles({ repo: { type: kind, name: id }, revision: commit, recursive: true, hubUrl: hub.endpoint, fetch: hub.api });
    for await (const entry of entries) {
      if (typeof entry.path !== "string") throw new FormatError(expected(`${id}: name of a file`, "a text", entry.path));
      if (entry.type !== "file") continue;
      if (files.size === MOST_FILES) throw new FormatError(`${id}: expected at most ${MOST_FILES} files, got more`);
      const { size, hash } = { size: entry.lfs?.size ?? entry.size, hash: entry.lfs?.oid ?? entry.oid ?? "" };
      const known = entry.lfs ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/;
      if (!known.test(hash) || !Number.isSafeInteger(size) || size < 0) {
        throw new FormatError(expected(`${id}/${entry.path}`, "a size and a sha256 or git hash", { size, hash }));
      }
      files.set(checkRelativePath(entry.path, `${id}: name of a file`), { size, hash });
    }
  } catch (error) {
    if (isOurs(error)) throw error;
    throw new FormatError(`${id}: expected a list of files from ${hub.endpoint}, got something else`);
  }
  return files;
}

const isOurs = (error: unknown) => error instanceof FormatError || error instanceof HttpError || error instanceof NotFoundError;
