import { readFileSync } from "node:fs";
import type { DOMWindow } from "jsdom";
import { Random } from "../core/random.js";
import { require } from "../core/tf.js";
import { textBox } from "./text-box.js";

type PlotlyElement = HTMLElement;
type Plotly = {
  version: string;
  newPlot(element: PlotlyElement, data: object[], layout: object, config: object): Promise<unknown>;
  purge(element: PlotlyElement): void;
  Snapshot: { toSVG(element: PlotlyElement, format: "svg", scale: number): string };
};

/**
 * Draws a plotly figure as SVG text in plain Node: plotly.js in a jsdom window. The first figure takes about two seconds (both libraries
 * are loaded then), later ones 0.1 to 0.6 s. Heatmaps and WebGL traces need a canvas and cannot be drawn. The same figure gives the same text.
 */
export function drawSvg(data: readonly object[], layout: object): string {
  const { window, plotly } = studio();
  const json = JSON.stringify({ data, layout });
  const random = new Random(json); // plotly names its clip paths at random; figures on one page must not share names
  window.Math.random = () => random.uniform();
  const element = window.document.createElement("div");
  window.document.body.appendChild(element);
  try {
    const figure = JSON.parse(json) as { data: object[]; layout: object }; // plotly writes into what it gets
    let failure: unknown;
    plotly.newPlot(element, figure.data, figure.layout, { staticPlot: true }).catch((error: unknown) => {
      failure = error;
    });
    // Without maps, MathJax and images plotly has drawn everything by now; its promise only says so later.
    const svg = plotly.Snapshot.toSVG(element, "svg", 1);
    if (failure) throw failure;
    return svg;
  } finally {
    plotly.purge(element);
    element.remove();
  }
}

/** The version of plotly.js that draws. */
export const plotlyVersion = (): string => (require("plotly.js-dist/package.json") as { version: string }).version;

/** The source text of plotly.js, for pages that must work without a network: 10 MB. */
export const plotlySource = (): string => readFileSync(require.resolve("plotly.js-dist"), "utf8");

let opened: { window: DOMWindow; plotly: Plotly } | undefined;

function studio(): { window: DOMWindow; plotly: Plotly } {
  if (!opened) {
    const { JSDOM } = require("jsdom") as typeof import("jsdom");
    const { window } = new JSDOM("<!doctype html><body></body>", { runScripts: "outside-only", pretendToBeVisual: true });
    furnish(window);
    window.eval(plotlySource());
    opened = { window, plotly: (window as unknown as { Plotly: Plotly }).Plotly };
  }
  return opened;
}

/** What plotly expects of a browser and jsdom lacks. */
function furnish(window: DOMWindow): void {
  Object.assign(window, {
    TextDecoder,
    TextEncoder,
    matchMedia: () => ({ matches: false, addListener() {}, addEventListener() {} }),
    ResizeObserver: class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  });
  window.URL.createObjectURL = () => "";
  window.HTMLCanvasElement.prototype.getContext = () => null;
  function rectangle(this: Element): object {
    const { left, top, right, bottom } = textBox(this);
    return { x: left, y: top, left, top, right, bottom, width: right - left, height: bottom - top };
  }
  const identity = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0, inverse: () => identity };
  Object.assign(window.SVGElement.prototype, {
    getBBox: rectangle,
    getBoundingClientRect: rectangle,
    getScreenCTM: () => identity,
    getComputedTextLength(this: Element) {
      return Number((rectangle.call(this) as { width: number }).width);
    },
  });
}
