import { FormatError, HttpError, NotFoundError } from "../core/errors.js";

/** How the Hub is reached. */
export type HubConnection = {
  /** Without a slash at its end. */
  endpoint: string;
  /** One request; answers are those with a 2xx status, their bodies not yet read. */
  request(url: string, headers?: Record<string, string>): Promise<Response>;
  /** `request` as a `fetch` for API calls: the body is read whole, and lost connections and busy servers are tried again. */
  api: typeof fetch;
  /** Runs `action` up to five times, while it fails with an `HttpError` that may pass. */
  withRetries<T>(action: () => Promise<T>): Promise<T>;
};

export type ConnectionOptions = {
  /** Address of the Hub; default `HF_ENDPOINT`, else the public one. */
  endpoint?: string;
  /** Default: the platform's. */
  fetch?: typeof fetch;
  /** Wait before the first retry, doubled for each next one; default 0.5. */
  retrySeconds?: number;
};

const HUB_URL = "https://huggingface.co";
const ATTEMPTS = 5;
const MOST_REDIRECTS = 10;
/** Longest wait that a server's `Retry-After` can ask for. */
const LONGEST_WAIT_SECONDS = 60;

/**
 * Connects to the Hub. The token (`HF_TOKEN`) goes only to the endpoint's own origin and only encrypted (or
 * to this machine), also when the Hub redirects to a file store, and stands in no error.
 * @throws TypeError for an endpoint that is no http(s) address or a token that is no word.
 */
export function connect({ endpoint, fetch: send = fetch, retrySeconds = 0.5 }: ConnectionOptions): HubConnection {
  const home = readEndpoint(endpoint ?? (process.env.HF_ENDPOINT || HUB_URL));
  const token = isPrivate(home) ? readToken() : null;

  async function request(address: string, headers: Record<string, string> = {}): Promise<Response> {
    let url = new URL(address);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const authorization: Record<string, string> = token && url.origin === home.origin ? { authorization: `Bearer ${token}` } : {};
      const response = await send(url.href, { headers: { ...headers, ...authorization }, redirect: "manual" }).catch((error) => {
        throw new HttpError(`${place(url)}: no answer (${reason(error)}). Set HF_HUB_OFFLINE=1 to work with what the cache holds`, 0);
      });
      const next = response.status >= 300 && response.status < 400 && response.headers.get("location");
      if (!next) return response.ok ? response : refuse(url, response);
      await response.body?.cancel();
      const from = url;
      url = new URL(next, from);
      if (from.protocol === "https:" && url.protocol !== "https:") {
        throw new FormatError(`${place(from)}: expected an encrypted address, got a redirect to ${url.protocol}//${url.host}`);
      }
    }
    throw new FormatError(`${place(new URL(address))}: expected at most ${MOST_REDIRECTS} redirects, got more`);
  }

  async function withRetries<T>(action: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        if (attempt === ATTEMPTS || !mayPass(error)) throw error;
        const asked = error instanceof BusyError ? error.retryAfterSeconds : 0;
        const seconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(asked, retrySeconds * 2 ** (attempt - 1)));
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      }
    }
  }

  const api: typeof fetch = (input, init) =>
    withRetries(async () => {
      const url = new URL(input instanceof Request ? input.url : input);
      const { accept } = Object.fromEntries(new Headers(init?.headers));
      const response = await request(url.href, accept ? { accept } : {});
      const body = await response.arrayBuffer().catch((error) => {
        throw new HttpError(`${place(url)}: the connection was lost (${reason(error)})`, 0);
      });
      return new Response(body, { status: response.status, headers: response.headers });
    });

  return { endpoint: home.href.replace(/\/+$/, ""), request, api, withRetries };
}

/** A refusal for now, with the wait that the server asks for. */
class BusyError extends HttpError {
  retryAfterSeconds = 0;
}

function readEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash) return url;
  throw new TypeError("HF_ENDPOINT: expected an http(s) address without a password or query, got something else");
}

/** Whether a token may travel to `url`: encrypted, or within this machine. */
function isPrivate(url: URL): boolean {
  return url.protocol === "https:" || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

function readToken(): string | null {
  const token = process.env.HF_TOKEN?.trim();
  if (!token) return null;
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new TypeError("HF_TOKEN: expected one word of visible ASCII characters, got something else");
}

/** An address for messages: without its query, which may hold a signature. */
const place = (url: URL) => `${url.origin}${url.pathname}`;

/** Why a connection failed: the system's code. Never the error's text, which may quote what was sent. */
export function reason(error: unknown): string {
  const { code, cause, name } = error as NodeJS.ErrnoException;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? code ?? name ?? "unknown";
}

async function refuse(url: URL, response: Response): Promise<never> {
  await response.body?.cancel();
  const { status } = response;
  const code = /^[a-z]{1,40}$/i.exec(response.headers.get("x-error-code") ?? "")?.[0];
  const what = `${place(url)}: the Hub answered ${status}${code ? ` (${code})` : ""}`;
  if (status === 404 || status === 410) throw new NotFoundError(what);
  if (status === 401 || status === 403) {
    throw new HttpError(
      `${what}. It does not exist, or is private or gated: set HF_TOKEN (sent over https only) to a token that may read it`,
      status,
    );
  }
  const busy = new BusyError(what, status);
  busy.retryAfterSeconds = Number(response.headers.get("retry-after")) || 0;
  throw busy;
}

function mayPass(error: unknown): boolean {
  return error instanceof HttpError && (error.status === 0 || error.status === 408 || error.status === 429 || error.status >= 500);
}
