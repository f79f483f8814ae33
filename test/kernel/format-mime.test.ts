import { describe, expect, it } from "vitest";
import { displaySymbol } from "../../src/kernel/display-symbol.js";
import { formatValue } from "../../src/kernel/format/value.js";

type Bundle = { [mime: string]: unknown };
const format = (value: unknown): Bundle => formatValue(value) as Bundle;

describe("a value's own display", () => {
  it("wins over everything else", () => {
    const table = { toDataURL: () => "data:image/png;base64,AAAA", [displaySymbol]: () => ({ "text/html": "<b>", "text/plain": "b" }) };
    expect(format(table)).toEqual({ "text/html": "<b>", "text/plain": "b" });
    expect(format(Object.assign(() => 1, { [displaySymbol]: () => ({ "text/plain": "f" }) }))).toEqual({ "text/plain": "f" });
  });

  it("may be asynchronous", async () => {
    const promise = formatValue({ [displaySymbol]: async () => ({ "text/plain": "later" }) });
    expect(promise).toBeInstanceOf(Promise);
    expect(await promise).toEqual({ "text/plain": "later" });
  });

  it("that throws or rejects becomes text, and so does one with a wrong bundle", async () => {
    const thrown = format({
      a: 1,
      [displaySymbol]: () => {
        throw new RangeError("mine");
      },
    });
    expect(thrown["text/plain"]).toContain("(its own display failed: RangeError: mine)");
    const rejected = await formatValue({ [displaySymbol]: () => Promise.reject("just text") });
    expect(rejected["text/plain"]).toContain("'just text'");
    const cyclic: Bundle = {};
    cyclic.self = cyclic;
    expect(format({ [displaySymbol]: () => ({ "application/json": cyclic }) })["text/plain"]).toContain("circular");
    for (const wrong of [null, undefined, 1, "x", [], { html: "<b>" }]) {
      expect(format({ a: 1, [displaySymbol]: () => wrong })["text/plain"]).toContain("a: 1");
      expect((await formatValue({ a: 1, [displaySymbol]: async () => wrong }))["text/plain"]).toContain("a: 1");
    }
  });

  it("becomes plain data: bytes base64, typed arrays lists, lines one text", () => {
    const bundle = format({
      [displaySymbol]: () => ({
        "image/png": new Uint8Array([1, 2, 3]),
        "application/x+json": { values: new Float32Array([0.5]), large: 5n, bytes: Buffer.from([1]), date: new Date(0), drop: () => 1 },
        "text/plain": ["a\n", "b"],
        "text/html": 5,
        "text/latex": undefined,
      }),
    });
    expect(bundle).toEqual({
      "image/png": "AQID",
      "application/x+json": { values: [0.5], large: 5, bytes: [1], date: "1970-01-01T00:00:00.000Z" },
      "text/plain": "a\nb",
      "text/html": "5",
    });
    expect(structuredClone(bundle)).toEqual(bundle);
  });
});

describe("images", () => {
  const pad = (start: string | number[]): Uint8Array =>
    Uint8Array.from([...Buffer.from(start as string, "latin1"), ...new Array(40).fill(0)]);
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

  it.each([
    ["png", pad("\x89PNG\r\n\x1a\n")],
    ["jpeg", pad("\xff\xd8\xff\xe0")],
    ["gif", pad("GIF89a")],
    ["webp", pad("RIFF\x00\x00\x00\x00WEBP")],
  ])("%s bytes are known by how they begin", (name, bytes) => {
    expect(format(bytes)[`image/${name}`]).toBe(Buffer.from(bytes).toString("base64"));
    expect(format(Buffer.from(bytes))[`image/${name}`]).toBe(Buffer.from(bytes).toString("base64"));
  });

  it("say their size, also in a part of a larger buffer", () => {
    const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(png, "base64")]).subarray(8);
    expect(format(bytes)).toEqual({ "image/png": png, "text/plain": `PNG image, 1 × 1, ${bytes.length} bytes` });
  });

  it("other bytes stay bytes", () => {
    for (const bytes of [pad("\xff\xd8\xffx"), pad("GIF90a"), new Uint8Array([0x89, 0x50]), pad("RIFF1234WAVE"), new Uint16Array(40)]) {
      expect(Object.keys(format(bytes))).toEqual(["text/plain"]);
    }
  });
});

describe("figures", () => {
  it("of plotly are shown as such, with a line of text", () => {
    const figure = {
      data: [{ type: "bar", x: ["a"], y: new Float64Array([1]) }, { y: [1, 2] }],
      layout: { title: { text: "Loss" } },
      config: { responsive: true },
      other: 1,
    };
    expect(format(figure)).toEqual({
      "application/vnd.plotly.v1+json": {
        data: [{ type: "bar", x: ["a"], y: [1] }, { y: [1, 2] }],
        layout: { title: { text: "Loss" } },
        config: { responsive: true },
      },
      "text/plain": 'Plotly figure "Loss": 2 traces (bar, scatter)',
    });
  });

  it.each([
    { data: [{ type: "bar" }] },
    { data: [], layout: {} },
    { data: [{ name: "x" }], layout: {} },
    { data: [1], layout: {} },
    { data: { x: [1] }, layout: {} },
    { data: [{ x: [1] }], layout: [] },
    { data: [{ x: 1 }], layout: {} },
  ])("%j is no plotly figure", (value) => {
    expect(Object.keys(format(value))).toEqual(["text/plain"]);
  });

  it("of vega are shown by their specification", () => {
    const lite = { $schema: "https://vega.github.io/schema/vega-lite/v5.json", mark: "bar" };
    expect(format({ toSpec: () => lite })).toEqual({ "application/vnd.vegalite.v5+json": lite, "text/plain": "Vega-Lite figure" });
    expect(format({ toSpec: () => ({ marks: [] }) })).toHaveProperty(["application/vnd.vega.v5+json"]);
    expect(Object.keys(format({ toSpec: () => 5 }))).toEqual(["text/plain"]);
  });

  it("on a canvas are images; an element is its HTML or SVG", () => {
    expect(format({ width: 2, height: 3, toDataURL: (type: string) => `data:${type};base64,AAAA` })).toEqual({
      "image/png": "AAAA",
      "text/plain": "Canvas 2 × 3",
    });
    expect(Object.keys(format({ toDataURL: () => "javascript:alert(1)" }))).toEqual(["text/plain"]);
    expect(format({ outerHTML: "<p>x</p>", nodeName: "P" })).toEqual({ "text/html": "<p>x</p>", "text/plain": "<p>x</p>" });
    expect(format({ outerHTML: "<svg></svg>", nodeName: "svg" })).toHaveProperty(["image/svg+xml"], "<svg></svg>");
  });
});
