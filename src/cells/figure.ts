import { writeFileSafely } from "../files/write.js";
import { type Displayable, displayable, type MimeBundle } from "./display.js";
import { escapeHtml, scriptJson } from "./html.js";
import { sliderHtml } from "./slider-html.js";
import { drawSvg, plotlySource, plotlyVersion } from "./static-svg.js";
import { HEIGHT, template, WIDTH } from "./style.js";

export type Trace = Record<string, unknown>;
export type Layout = Record<string, unknown>;

/** A plotly figure as plain data, and ways to look at it. */
export type Figure = Displayable & {
  data: Trace[];
  layout: Layout;
  frames: object[];
  /** The picture as SVG text, drawn on the first call. */
  svg(): string;
  saveSvg(path: string): Promise<void>;
  /**
   * A page with the live figure. plotly.js comes from its CDN, and without a network the page shows the still picture; with `offline`
   * it is inside the page, which then has 10 MB.
   */
  toHtml(options?: { offline?: boolean }): string;
  saveHtml(path: string, options?: { offline?: boolean }): Promise<void>;
};

/**
 * A figure in the house style from plotly's traces and layout. In a cell it shows as one bundle: plotly JSON for front ends that know it,
 * else SVG, else text; on Kaggle, whose viewer knows only HTML, also that. A slider in the figure works without plotly too.
 */
export function figure(data: Trace[], layout: Layout = {}, frames: object[] = []): Figure {
  const full: Layout = { width: WIDTH, height: HEIGHT, ...layout, template };
  let drawn: string | undefined;
  const svg = (): string => {
    drawn ??= drawSvg(data, full);
    return drawn;
  };
  const toHtml = ({ offline = false } = {}): string => page(plainTitle(full), liveHtml({ data, layout: full, frames }, svg(), offline));
  let stops: string | undefined | null = null;
  const stopsHtml = (): string | undefined => {
    if (stops === null) stops = sliderHtml(data, full);
    return stops;
  };
  const html = (): string | undefined =>
    process.env.KAGGLE_KERNEL_RUN_TYPE ? liveHtml({ data, layout: full, frames }, svg(), false) : stopsHtml();
  const bundle = (): MimeBundle => ({
    "application/vnd.plotly.v1+json": { data, layout: full, frames, config: CONFIG },
    "image/svg+xml": svg(),
    "text/plain": describe(data, full),
    ...(html() && { "text/html": html() }),
  });
  const methods = {
    svg,
    saveSvg: (path: string) => writeFileSafely(path, svg()),
    toHtml,
    saveHtml: (path: string, options?: { offline?: boolean }) => writeFileSafely(path, toHtml(options)),
  };
  return displayable({ data, layout: full, frames, ...methods }, bundle);
}

const CONFIG = { displaylogo: false, responsive: true };

/** Text without the tags that plotly understands. */
const plainText = (text: unknown): string => (typeof text === "string" ? text.replace(/<br>/g, " ").replace(/<[^>]+>/g, "") : "");

const plainTitle = (layout: Layout): string => plainText((layout.title as { text?: string } | undefined)?.text) || "Figure";

/** "Loss (chart: train, held-out)": what remains where no picture can be shown. */
function describe(data: Trace[], layout: Layout): string {
  const subtitle = plainText((layout.title as { subtitle?: { text?: string } } | undefined)?.subtitle?.text);
  const names = [...new Set(data.map((trace) => plainText(trace.name)).filter(Boolean))];
  return `${plainTitle(layout)}${subtitle && `. ${subtitle}`} [chart${names.length ? `: ${names.join(", ")}` : ""}]`;
}

/** The still picture, which a script replaces by the live figure where plotly.js loads. */
function liveHtml({ data, layout, frames }: { data: Trace[]; layout: Layout; frames: object[] }, svg: string, offline: boolean): string {
  const id = `figure-${/clip([0-9a-z]+)/i.exec(svg)?.[1] ?? "0"}`;
  const start =
    `const element = document.getElementById(${JSON.stringify(id)}); element.replaceChildren(); ` +
    `Plotly.newPlot(element, ${scriptJson(data)}, ${scriptJson(layout)}, ${scriptJson(CONFIG)})` +
    `.then(() => Plotly.addFrames(element, ${scriptJson(frames)}));`;
  const script = offline
    ? `<script>${plotlySource().replace(/<\/script/gi, "<\\/script")}</script><script>{ ${start} }</script>`
    : `<script>{ const script = document.createElement("script"); script.src = "https://cdn.plot.ly/plotly-${plotlyVersion()}.min.js"; ` +
      `script.onload = () => { ${start} }; document.head.appendChild(script); }</script>`;
  return `<div id="${id}">${svg}</div>${script}`;
}

const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head><body>${body}</body></html>\n`;
