import { describe, expect, it } from "vitest";
import { createComms } from "../../src/kernel/comms.js";
import { displaySymbol } from "../../src/kernel/display-symbol.js";
import { formatValue } from "../../src/kernel/format/value.js";
import { type GlobalOutput, installGlobals, makeGlobals } from "../../src/kernel/globals.js";
import { html, md, svg } from "../../src/kernel/markup.js";

function start() {
  const sent: GlobalOutput[] = [];
  const comms = createComms({ send: () => {}, report: () => {} });
  const prompts = { prompt: () => "typed", password: () => null, confirm: () => true };
  const made = makeGlobals({ send: (output) => sent.push(structuredClone(output)), comms, prompts });
  return { ...made, ...made.globals, sent, comms };
}

const later = (text: string, ms: number) => ({
  [displaySymbol]: () => new Promise((resolve) => setTimeout(() => resolve({ "text/plain": text }), ms)),
});

describe("display", () => {
  it("shows a value now; its handle replaces it", () => {
    const { display, sent } = start();
    const place = display([{ a: "<b>" }]);
    place.update("second");
    expect(sent).toMatchObject([
      { kind: "display", displayId: place.id, update: false, metadata: {} },
      { kind: "display", displayId: place.id, update: true, data: { "text/plain": "second" } },
    ]);
    expect(JSON.stringify(sent[0])).toContain("&lt;b&gt;");
    expect(display(1).id).not.toBe(place.id);
  });

  it("takes an id, an update, metadata, and bundles as they are", () => {
    const { display, sent } = start();
    display("x", { displayId: "mine", update: true, metadata: { "image/png": { width: 3 } } });
    display({ "text/html": "<b>", "image/png": new Uint8Array([1]) }, { raw: true, displayId: "raw" });
    expect(sent).toEqual([
      { kind: "display", data: { "text/plain": "x" }, metadata: { "image/png": { width: 3 } }, displayId: "mine", update: true },
      { kind: "display", data: { "text/html": "<b>", "image/png": "AQ==" }, metadata: {}, displayId: "raw", update: false },
    ]);
    expect(() => display("text", { raw: true })).toThrow(/MIME bundle: expected an object by MIME type/);
    expect(() => display({ html: "<b>" }, { raw: true })).toThrow(/expected keys such as "text\/plain", got "html"/);
    expect(sent).toHaveLength(2);
  });

  it("shows nothing for its own handle, which may end a cell", () => {
    const { display, sent } = start();
    const place = display("x");
    expect(formatValue(place)).toEqual({});
    display(place);
    expect(sent).toHaveLength(1);
  });

  it("sends what is asynchronous when it is ready, one place in the order of the calls, and settles after the last", async () => {
    const { display, sent, settled } = start();
    const place = display(later("slow", 30));
    place.update("fast");
    place.update(later("last", 5));
    display("other");
    expect(sent).toHaveLength(1);
    await settled();
    const texts = sent.map((output) => (output as { data: { [mime: string]: unknown } }).data["text/plain"]);
    expect(texts).toEqual(["other", "slow", "fast", "last"]);
    expect(sent.slice(1).map((output) => (output as { update: boolean }).update)).toEqual([false, true, true]);
    await settled();
  });

  it("never fails for a value's own mistakes", async () => {
    const { display, sent, settled } = start();
    display({ [displaySymbol]: () => Promise.reject(new Error("mine")) });
    await settled();
    expect(JSON.stringify(sent)).toContain("mine");
  });

  it("is cheap: a thousand places in well under a second", () => {
    const { display, sent } = start();
    const begin = performance.now();
    for (let i = 0; i < 1000; i++) display(i);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(new Set(sent.map((output) => (output as { displayId: string }).displayId)).size).toBe(1000);
  });
});

describe("md, html and svg", () => {
  const EVIL = `<img src=x onerror="alert('1')">`;
  const SAFE = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;";

  it("html and svg escape values, but not pieces and lists of pieces", () => {
    expect(String(html`<p title="${EVIL}">${EVIL}</p>`)).toBe(`<p title="${SAFE}">${SAFE}</p>`);
    expect(String(svg`<text>${EVIL}</text>`)).toBe(`<text>${SAFE}</text>`);
    expect(String(html`<ul>${["a<", "b"].map((one) => html`<li>${one}</li>`)}</ul>`)).toBe("<ul><li>a&lt;</li><li>b</li></ul>");
    expect(String(html`<p>${svg`<svg/>`}</p>`)).toBe("<p><svg/></p>");
    expect(String(html`${md`<b>`}`)).toBe("&lt;b&gt;");
    expect(String(html`${[EVIL, [EVIL]]}`)).toBe(SAFE + SAFE);
    expect(String(html`${0}${null}${undefined}${false}${true}`)).toBe("0true");
    expect(String(html`${{ mime: "text/html", text: EVIL, toString: () => EVIL }}`)).toBe(SAFE);
  });

  it("md takes values as they are, and loses the indentation that all lines share", () => {
    expect(String(md`# ${EVIL}`)).toBe(`# ${EVIL}`);
    expect(
      String(md`
      # Title

        code
      text`),
    ).toBe("# Title\n\n  code\ntext");
    expect(String(md`\unknown`)).toBe("\\unknown");
  });

  it("show themselves, with text for logs", () => {
    expect(formatValue(md`*a*`)).toEqual({ "text/markdown": "*a*", "text/plain": "*a*" });
    expect(formatValue(html`<b>a &lt; ${"&"}</b><script>x</script>`)).toEqual({
      "text/html": "<b>a &lt; &amp;</b><script>x</script>",
      "text/plain": "a < &",
    });
    expect(formatValue(svg`<svg><text>a</text></svg>`)).toMatchObject({ "text/plain": "SVG drawing: a" });
  });
});

describe("the seams", () => {
  it("are found on globalThis and hidden from loops; cells may replace the globals", () => {
    const made = start();
    const target: { [key: string | symbol]: unknown } = {};
    installGlobals(made, target);
    expect(Object.keys(target)).toEqual([]);
    expect(Object.getOwnPropertyNames(target).sort()).toEqual(
      ["clearOutput", "confirm", "display", "html", "md", "password", "prompt", "svg", "widgets"].sort(),
    );
    expect(target[Symbol.for("Jupyter.comms")]).toBe(made.comms);
    expect(target[Symbol.for("Jupyter.widgets")]).toBe(made.widgets);
    const publish = target[Symbol.for("Jupyter.publish")] as (bundle: object, options?: object) => void;
    publish({ "text/plain": "a" });
    publish({ "text/plain": "b" }, { displayId: "x", update: true });
    expect(made.sent).toEqual([
      { kind: "display", data: { "text/plain": "a" }, metadata: {}, update: false },
      { kind: "display", data: { "text/plain": "b" }, metadata: {}, displayId: "x", update: true },
    ]);
    target.display = 5;
    expect(target.display).toBe(5);
  });

  it("clearOutput clears now, or with the next output", () => {
    const { clearOutput, sent } = start();
    clearOutput();
    clearOutput(true);
    expect(sent).toEqual([
      { kind: "clear", wait: false },
      { kind: "clear", wait: true },
    ]);
  });
});
