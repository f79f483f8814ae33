/** Figures, drawings and elements of other libraries, known by what they can do. */
import type { MimeData } from "../messages.js";
import { jsonValue } from "./bundle.js";
import { cut } from "./html.js";
import { isPlainObject } from "./plain-object.js";

export function formatFigure(value: object): MimeData | undefined {
  return plotlyBundle(value) ?? vegaBundle(value) ?? canvasBundle(value) ?? elementBundle(value);
}

type Trace = { type?: unknown; x?: unknown; y?: unknown; [key: string]: unknown };

/** `{ data: [traces], layout }`: only plain data counts, and a trace says its type or has values to draw. */
function plotlyBundle(value: object): MimeData | undefined {
  const { data, layout, config, frames } = value as { data?: unknown; layout?: unknown; config?: unknown; frames?: unknown };
  if (!Array.isArray(data) || !data.length || !isPlainObject(layout) || !data.every(isTrace)) return undefined;
  const kinds = [...new Set(data.map(({ type }) => (typeof type === "string" ? type : "scatter")))].join(", ");
  const title = titleOf(layout);
  return {
    "application/vnd.plotly.v1+json": jsonValue({ data, layout, ...(config ? { config } : {}), ...(frames ? { frames } : {}) }),
    "text/plain": `Plotly figure${title && ` ${JSON.stringify(cut(title, 100))}`}: ${data.length} ${data.length === 1 ? "trace" : "traces"} (${cut(kinds, 200)})`,
  };
}

const VALUE_KEYS = ["x", "y", "z", "r", "theta", "lat", "lon", "values", "locations", "header", "dimensions"];

function isTrace(trace: unknown): trace is Trace {
  return (
    isPlainObject(trace) &&
    (typeof trace.type === "string" || VALUE_KEYS.some((key) => typeof trace[key] === "object" && trace[key] !== null))
  );
}

function titleOf({ title }: { [key: string]: unknown }): string {
  const text = isPlainObject(title) ? title.text : title;
  return typeof text === "string" ? text : "";
}

/** Vega and Vega-Lite views, and builders that write their specification. */
function vegaBundle(value: object): MimeData | undefined {
  const { toSpec } = value as { toSpec?: unknown };
  if (typeof toSpec !== "function") return undefined;
  const spec = jsonValue(Reflect.apply(toSpec, value, []));
  if (!isPlainObject(spec)) return undefined;
  const [, name = "vega", version = "5"] = /\/(vega-lite|vega)\/v(\d+)/.exec(String(spec.$schema)) ?? [];
  return {
    [`application/vnd.${name.replace("-", "")}.v${version}+json`]: spec,
    "text/plain": `${name === "vega" ? "Vega" : "Vega-Lite"} figure`,
  };
}

function canvasBundle(value: object): MimeData | undefined {
  const { toDataURL, width, height } = value as { toDataURL?: unknown; width?: unknown; height?: unknown };
  if (typeof toDataURL !== "function") return undefined;
  const url: unknown = Reflect.apply(toDataURL, value, ["image/png"]);
  const [, mime, base64] = (typeof url === "string" && /^data:(image\/[a-z+]+);base64,([A-Za-z0-9+/=]+)$/.exec(url)) || [];
  return mime && base64 ? { [mime]: base64, "text/plain": `Canvas ${String(width)} × ${String(height)}` } : undefined;
}

/** Elements of a document, such as jsdom's. */
function elementBundle(value: object): MimeData | undefined {
  const { outerHTML, nodeName } = value as { outerHTML?: unknown; nodeName?: unknown };
  if (typeof outerHTML !== "string" || !outerHTML) return undefined;
  const name = typeof nodeName === "string" ? nodeName.toLowerCase() : "element";
  return { [name === "svg" ? "image/svg+xml" : "text/html"]: outerHTML, "text/plain": cut(outerHTML.replace(/\s+/g, " "), 200) };
}
