import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it, vi } from "vitest";
import { FormatError, HttpError } from "../../src/core/errors.js";
import { hubSource } from "../../src/files/hub.js";
import { connect } from "../../src/files/hub-request.js";
import { fail, serveHub } from "../hub-server.js";
import { temporaryFolder } from "../temporary-folder.js";

const TOKEN = "hf_SECRETsecret";
const FILES = { "models/some/model": { "config.json": "{}", "model.safetensors": "weights" } };
const MODEL = { kind: "model", id: "some/model" } as const;

afterEach(() => vi.unstubAllEnvs());

/** A `fetch` that answers from a table and remembers what it was sent. */
function fakeFetch(answer: (url: string) => Response | Error) {
  const sent: { url: string; authorization: string | null }[] = [];
  const send: typeof fetch = async (input, init) => {
    const url = String(input);
    sent.push({ url, authorization: new Headers(init?.headers).get("authorization") });
    const result = answer(url);
    if (result instanceof Error) throw result;
    return result;
  };
  return { sent, fetch: send };
}

const redirect = (location: string) => new Response(null, { status: 302, headers: { location } });

it("sends the token to the Hub and never to the file store it redirects to", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  const server = await serveHub(FILES, { token: TOKEN });
  try {
    const model = await hubSource(MODEL, { endpoint: server.url, cacheFolder: temporaryFolder() });
    expect(new TextDecoder().decode(await model.read("model.safetensors"))).toBe("weights");
    const [hub, store] = [server.requests.filter((one) => !one.store), server.requests.filter((one) => one.store)];
    expect(hub.map((one) => one.authorization)).toEqual([`Bearer ${TOKEN}`, `Bearer ${TOKEN}`, `Bearer ${TOKEN}`]);
    expect(store.map((one) => one.authorization)).toEqual([null]);
  } finally {
    await server.close();
  }
});

it("does not give the token to a host that a listing's next page or a redirect names", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  const stolen: (string | undefined)[] = [];
  const thief = createServer((request, response) => {
    stolen.push(request.headers.authorization);
    response.end("[]");
  });
  await new Promise<void>((resolve) => thief.listen(0, "127.0.0.1", resolve));
  const port = (thief.address() as AddressInfo).port;
  const server = await serveHub(FILES, {
    intercept(request, response) {
      if (request.url?.includes("/tree/")) {
        response.writeHead(200, { Link: `<http://127.0.0.1:${port}/next>; rel="next"` }).end("[]");
        return true;
      }
      if (!request.url?.includes("/resolve/")) return false;
      response.writeHead(307, { Location: `http://127.0.0.1:${port}/file` }).end();
      return true;
    },
  });
  try {
    const model = await hubSource(MODEL, { endpoint: server.url, cacheFolder: temporaryFolder() });
    expect(await model.list()).toEqual([]);
    const hub = connect({ endpoint: server.url });
    await (await hub.request(`${server.url}/some/model/resolve/main/x`)).text();
    expect(stolen).toEqual([undefined, undefined]);
  } finally {
    thief.close();
    await server.close();
  }
});

it("sends the token encrypted or within this machine only", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  const cases = [
    ["https://hub.example", "https://hub.example/x", `Bearer ${TOKEN}`],
    ["https://hub.example/mirror", "https://hub.example/mirror/x", `Bearer ${TOKEN}`],
    ["http://localhost:8080", "http://localhost:8080/x", `Bearer ${TOKEN}`],
    ["http://hub.example", "http://hub.example/x", null],
    ["http://127.0.0.1.evil.example", "http://127.0.0.1.evil.example/x", null],
    ["https://hub.example", "https://hub.example.evil/x", null],
    ["https://hub.example", "https://hub.example:444/x", null],
    ["https://hub.example", "https://hub.example@evil.example/x", null],
  ] as const;
  for (const [endpoint, url, authorization] of cases) {
    const fake = fakeFetch(() => new Response("ok"));
    await connect({ endpoint, fetch: fake.fetch }).request(url);
    expect(fake.sent[0]?.authorization, url).toBe(authorization);
  }
});

it("refuses redirects to an unencrypted address, and endless ones", async () => {
  const down = fakeFetch((url) => (url.startsWith("https:") ? redirect("http://cdn.example/x") : new Response("x")));
  await expect(connect({ endpoint: "https://hub.example", fetch: down.fetch }).request("https://hub.example/x")).rejects.toThrow(
    FormatError,
  );
  expect(down.sent).toHaveLength(1);
  const loop = fakeFetch((url) => redirect(`${url}x`));
  await expect(connect({ endpoint: "https://hub.example", fetch: loop.fetch }).request("https://hub.example/x")).rejects.toThrow(
    "at most 10 redirects",
  );
  expect(loop.sent).toHaveLength(11);
});

it("keeps the token and signatures out of every error", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  const answers: ((url: string) => Response | Error)[] = [
    (url) => new Error(`Bearer ${TOKEN} refused at ${url}`),
    () => new TypeError("fetch failed", { cause: new Error(`Bearer ${TOKEN}`) }),
    (url) => (url.includes("signature") ? new Response(TOKEN, { status: 403 }) : redirect(`https://cdn.example/x?signature=${TOKEN}`)),
    () => new Response(TOKEN, { status: 401, headers: { "x-error-code": `${TOKEN} ${TOKEN}`, "x-error-message": TOKEN } }),
    () => new Response(JSON.stringify({ error: TOKEN }), { status: 500, headers: { "content-type": "application/json" } }),
    () => new Response(TOKEN),
  ];
  for (const answer of answers) {
    const { fetch } = fakeFetch(answer);
    const options = { endpoint: "https://hub.example", fetch, cacheFolder: temporaryFolder(), retrySeconds: 0.001 };
    const error = await hubSource(MODEL, options).catch((error) => error);
    expect(error).toBeInstanceOf(Error);
    expect([String(error), error.stack, JSON.stringify(error), String(error.cause)].join("\n")).not.toContain(TOKEN);
  }
  for (const token of ["hf_a\nX-Evil: 1", "hf_ü", "a b"]) {
    vi.stubEnv("HF_TOKEN", token);
    expect(() => connect({ endpoint: "https://hub.example" })).toThrow(
      "HF_TOKEN: expected one word of visible ASCII characters, got something else",
    );
  }
});

it("refuses endpoints that are no plain http(s) address", () => {
  for (const endpoint of [
    "hub.example",
    "ftp://hub.example",
    "https://user:password@hub.example",
    "https://hub.example?x=1",
    "file:///etc",
  ]) {
    expect(() => connect({ endpoint }), endpoint).toThrow(TypeError);
  }
});

it("says that a refusal may be a matter of the token, and does not try again", async () => {
  const server = await serveHub(FILES, { token: TOKEN });
  try {
    const error = await hubSource(MODEL, { endpoint: server.url, cacheFolder: temporaryFolder() }).catch((error) => error);
    expect(error).toBeInstanceOf(HttpError);
    expect(error.status).toBe(401);
    expect(error.message).toContain("the Hub answered 401 (GatedRepo). It does not exist, or is private or gated: set HF_TOKEN");
    expect(server.requests).toHaveLength(1);
  } finally {
    await server.close();
  }
});

it("tries busy and broken servers again, five times at most", async () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    let failures = 4;
    const server = await serveHub(FILES, {
      intercept: (_, response) => failures-- > 0 && fail(response, status, "Busy"),
    });
    const options = { endpoint: server.url, cacheFolder: temporaryFolder(), retrySeconds: 0.001 };
    expect((await hubSource(MODEL, options)).revision).toBe(server.commit("models/some/model"));
    expect(server.requests).toHaveLength(5);
    failures = 5;
    await expect(hubSource(MODEL, options)).rejects.toMatchObject({ name: "HttpError", status });
    expect(server.requests).toHaveLength(10);
    await server.close();
  }
});

it("tries lost connections again, and waits as long as a busy server asks", async () => {
  let failures = 2;
  const server = await serveHub(FILES, {
    intercept(request, response) {
      if (failures-- <= 0) return false;
      if (failures === 1) request.socket.destroy();
      else response.writeHead(429, { "Retry-After": "0.2" }).end();
      return true;
    },
  });
  const start = performance.now();
  await hubSource(MODEL, { endpoint: server.url, cacheFolder: temporaryFolder(), retrySeconds: 0.001 });
  expect(performance.now() - start).toBeGreaterThan(190);
  expect(server.requests).toHaveLength(3);
  await server.close();
});
