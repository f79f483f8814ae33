import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JSDOM } from "jsdom";
import { afterEach, describe, expect, it } from "vitest";
import { bundleOf } from "../../src/cells/display.js";
import { figure } from "../../src/cells/figure.js";
import { textWidth } from "../../src/cells/text-box.js";

const bars = (names: string[]) =>
  figure([{ type: "bar", orientation: "h", name: "score", y: names, x: names.map((_, i) => i + 1) }], { title: { text: "<b>Scores</b>" } });

/** Left edge of the plotting area in pixels. */
const plotLeft = (svg: string): number =>
  Number(/<clipPath[^>]*axes[^>]*><rect x="([\d.]+)"/.exec(svg)?.[1] ?? /class="bglayer".*?<rect[^>]* x="([\d.]+)"/.exec(svg)?.[1]);

afterEach(() => {
  delete process.env.KAGGLE_KERNEL_RUN_TYPE;
});

describe("figure", () => {
  it("shows as one bundle of plotly JSON, SVG and text", () => {
    const bundle = bundleOf(bars(["base", "SFT"]));
    expect(Object.keys(bundle).sort()).toEqual(["application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"]);
    const json = JSON.parse(JSON.stringify(bundle["application/vnd.plotly.v1+json"]));
    expect(json.data[0].x).toEqual([1, 2]);
    expect(Object.keys(json)).toEqual(["data", "layout", "frames", "config"]);
    expect(bundle["text/plain"]).toBe("Scores [chart: score]");
    const { documentElement } = new JSDOM(bundle["image/svg+xml"] as string, { contentType: "image/svg+xml" }).window.document;
    expect(documentElement.tagName).toBe("svg");
    expect(documentElement.textContent).toContain("Scores");
    expect(documentElement.textContent).toContain("SFT");
  });

  it("adds HTML on Kaggle, whose viewer knows nothing else", () => {
    process.env.KAGGLE_KERNEL_RUN_TYPE = "Interactive";
    const html = bundleOf(bars(["base"]))["text/html"] as string;
    expect(html).toContain("<svg");
    expect(html).toContain("Plotly.newPlot");
  });

  it("leaves what it is given as it is", () => {
    const data = [{ type: "bar", x: ["a"], y: [1] }];
    const layout = { title: { text: "T" } };
    figure(data, layout).svg();
    expect([data, layout]).toEqual([[{ type: "bar", x: ["a"], y: [1] }], { title: { text: "T" } }]);
  });

  it("draws the same text for the same figure, and other clip paths for another", () => {
    expect(bars(["a", "b"]).svg()).toBe(bars(["a", "b"]).svg());
    const ids = (svg: string) => [...svg.matchAll(/id="([^"]+)"/g)].map((match) => match[1]!);
    const [first, second] = [ids(bars(["a", "b"]).svg()), ids(bars(["a", "c"]).svg())];
    expect(first.length).toBeGreaterThan(0);
    expect(first.filter((id) => second.includes(id))).toEqual([]);
  });

  it("makes room for long names", () => {
    const long = "a configuration with a very long name";
    expect(plotLeft(bars([long]).svg())).toBeGreaterThan(textWidth(long, 13));
    expect(plotLeft(bars(["short"]).svg())).toBeLessThan(100);
  });

  it("says what plotly cannot draw without a canvas", () => {
    expect(() => figure([{ type: "heatmap", z: [[1, 2]] }]).svg()).toThrow();
    expect(bars(["still", "works"]).svg()).toContain("works");
  });

  it("saves SVG and pages; a page shows the picture until the script comes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "figure-"));
    try {
      const one = figure([{ type: "bar", x: ["</script><b>"], y: [1] }], { title: { text: "a & b" } });
      await one.saveSvg(join(folder, "charts", "one.svg"));
      expect(await readFile(join(folder, "charts", "one.svg"), "utf8")).toBe(one.svg());
      await one.saveHtml(join(folder, "one.html"));
      const page = await readFile(join(folder, "one.html"), "utf8");
      const { document } = new JSDOM(page).window;
      expect(document.title).toBe("a & b");
      expect(document.querySelectorAll("svg").length).toBeGreaterThan(0);
      expect(document.querySelectorAll("script")).toHaveLength(1);
      expect(document.querySelector("script")!.textContent).toMatch(/cdn\.plot\.ly\/plotly-\d+\.\d+\.\d+\.min\.js/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("runs live from a page without a network", () => {
    const page = figure([{ type: "bar", x: ["live"], y: [1] }]).toHtml({ offline: true });
    expect(page.length).toBeGreaterThan(5_000_000);
    expect(page).not.toContain("cdn.plot.ly/plotly-4");
    expect(page.match(/<\/script/gi)).toHaveLength(2);
  });
});
