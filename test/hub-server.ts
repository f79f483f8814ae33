import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Repositories by `models/org/name` or `datasets/org/name`, each with its files. */
export type HubFiles = Record<string, Record<string, string | Uint8Array>>;

export type HubServerOptions = {
  /** Which files are kept on the file store (as git LFS does) behind a redirect to another port; default weights, parquet and archives. */
  isLarge?: (path: string) => boolean;
  /** Where given, every API and resolve request without it is answered 401. */
  token?: string;
  /** Entries on one page of a listing; default 1,000. */
  pageSize?: number;
  /** Called first, by both servers; `true` where it has answered in their place. */
  intercept?: (request: IncomingMessage, response: ServerResponse, store: boolean) => boolean | Promise<boolean>;
};

export type SeenRequest = { method: string; path: string; range: string | null; authorization: string | null; store: boolean };

/** A Hub on this machine: what `@huggingface/hub` and Python's `huggingface_hub` need to list and download. Close it when done. */
export async function serveHub(files: HubFiles, options: HubServerOptions = {}) {
  const { isLarge = (path) => /\.(safetensors|parquet|bin|pt|gz)$/.test(path), token, pageSize = 1000, intercept } = options;
  const requests: SeenRequest[] = [];
  const repositories = new Map(Object.entries(files).map(([id, contents]) => [id, readRepository(contents, isLarge)]));

  async function answer(request: IncomingMessage, response: ServerResponse, store: boolean) {
    const url = new URL(request.url ?? "/", "http://hub");
    const { range = null, authorization = null } = request.headers;
    requests.push({ method: request.method ?? "", path: decodeURIComponent(url.pathname), range, authorization, store });
    if (await intercept?.(request, response, store)) return;
    if (store) return sendBlob(request, response, url.pathname.slice(1));
    if (token && authorization !== `Bearer ${token}`) return fail(response, 401, "GatedRepo");
    const parts = url.pathname.split("/").slice(1).map(decodeURIComponent);
    const isApi = parts[0] === "api";
    if (isApi) parts.shift();
    const kind = parts[0] === "datasets" || (isApi && parts[0] === "models") ? (parts.shift() as string) : "models";
    const [organisation, name, verb = "revision", revision = "main", ...path] = parts;
    const repository = repositories.get(`${kind}/${organisation}/${name}`);
    if (!repository) return fail(response, 404, "RepoNotFound");
    if (!["main", "HEAD", repository.commit].includes(revision)) return fail(response, 404, "RevisionNotFound");
    if (isApi && verb === "revision") return sendJson(response, describe(`${organisation}/${name}`, repository));
    if (isApi && verb === "tree") return sendTree(response, url, repository);
    if (verb === "resolve") return sendFile(request, response, repository, path.join("/"));
    return fail(response, 404, "EntryNotFound");
  }

  function sendTree(response: ServerResponse, url: URL, { files }: Repository) {
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const page = [...files].slice(start, start + pageSize).map(([path, { data, hash, large }]) => ({
      type: "file",
      path,
      size: data.length,
      oid: large ? gitHash(Buffer.from(`pointer to ${hash}`)) : hash,
      ...(large ? { lfs: { oid: hash, size: data.length, pointerSize: 130 } } : {}),
    }));
    if (start + pageSize < files.size) {
      url.searchParams.set("cursor", String(start + pageSize));
      response.setHeader("Link", `<${address(hub)}${url.pathname}${url.search}>; rel="next"`);
    }
    sendJson(response, page);
  }

  function sendFile(request: IncomingMessage, response: ServerResponse, { files, commit }: Repository, path: string) {
    const file = files.get(path);
    if (!file) return fail(response, 404, "EntryNotFound");
    response.setHeader("X-Repo-Commit", commit);
    response.setHeader(file.large ? "X-Linked-Etag" : "ETag", `"${file.hash}"`);
    if (!file.large) return sendBytes(request, response, file.data);
    response.setHeader("X-Linked-Size", file.data.length);
    response.writeHead(302, { Location: `${address(store, "localhost")}/${file.hash}?signature=secret` }).end();
  }

  function sendBlob(request: IncomingMessage, response: ServerResponse, hash: string) {
    const file = [...repositories.values()].flatMap(({ files }) => [...files.values()]).find((one) => one.hash === hash);
    if (!file) return fail(response, 404, "BlobNotFound");
    response.setHeader("ETag", `"${hash}"`);
    sendBytes(request, response, file.data);
  }

  const listen = (store: boolean) => {
    const server = createServer((request, response) => {
      answer(request, response, store).catch((error) => response.destroy(error));
    });
    return new Promise<Server>((resolve) => server.listen(0, store ? "localhost" : "127.0.0.1", () => resolve(server)));
  };
  const [hub, store] = await Promise.all([listen(false), listen(true)]);

  return {
    /** For `endpoint` or `HF_ENDPOINT`. */
    url: address(hub),
    /** The file store, another origin. */
    storeUrl: address(store, "localhost"),
    /** All requests so far, in order. */
    requests,
    /** The commit of a repository's only revision, `main`. */
    commit: (id: string) => repositories.get(id)?.commit ?? "",
    async close() {
      for (const server of [hub, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

type StoredFile = { data: Buffer; hash: string; large: boolean };
type Repository = { commit: string; files: Map<string, StoredFile> };

function readRepository(contents: Record<string, string | Uint8Array>, isLarge: (path: string) => boolean): Repository {
  const files = new Map<string, StoredFile>();
  for (const [path, content] of Object.entries(contents)) {
    const data = Buffer.from(content as Uint8Array);
    const large = isLarge(path);
    files.set(path, { data, large, hash: large ? createHash("sha256").update(data).digest("hex") : gitHash(data) });
  }
  const hashes = [...files].map(([path, { hash }]) => `${hash} ${path}\n`);
  return { files, commit: createHash("sha1").update(hashes.join("")).digest("hex") };
}

const gitHash = (data: Buffer) => createHash("sha1").update(`blob ${data.length}\0`).update(data).digest("hex");

const describe = (id: string, { commit, files }: Repository) => ({
  _id: commit.slice(0, 24),
  id,
  sha: commit,
  private: false,
  gated: false,
  downloads: 0,
  likes: 0,
  tags: [],
  lastModified: "2024-01-01T00:00:00.000Z",
  siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
});

/** Sends bytes, or the range of them that was asked for; like the next two always `true`, for `intercept`. */
export function sendBytes(request: IncomingMessage, response: ServerResponse, data: Uint8Array): true {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const start = Number(range?.[1] ?? 0);
  const end = Math.min(data.length, range?.[2] ? Number(range[2]) + 1 : data.length);
  if (range && start >= data.length) return fail(response, 416, "RangeNotSatisfiable");
  response.setHeader("Accept-Ranges", "bytes");
  response.setHeader("Content-Length", end - start);
  if (range) response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${data.length}`);
  response.writeHead(range ? 206 : 200).end(request.method === "HEAD" ? undefined : data.subarray(start, end));
  return true;
}

export function sendJson(response: ServerResponse, value: unknown): true {
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  return true;
}

export function fail(response: ServerResponse, status: number, code: string): true {
  response.writeHead(status, { "Content-Type": "application/json", "X-Error-Code": code }).end(JSON.stringify({ error: code }));
  return true;
}

/** The store has another host name too: Python takes ports of one host for the same place. */
const address = (server: Server, host = "127.0.0.1") => `http://${host}:${(server.address() as AddressInfo).port}`;
