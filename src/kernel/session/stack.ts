import { findSourceMap } from "node:module";
import type { Cells } from "./cells.js";

const own = Error;

/** Enough to reach the cell from deep within a library. */
const FRAMES = 40;

/**
 * Lets every error's `stack` speak of cells in their own lines, and leave the kernel's frames out. Code that sets
 * `Error.prepareStackTrace` itself still has its way.
 */
export function translateStacks(cells: Pick<Cells, "translate">, isKernel: (script: string) => boolean): void {
  own.stackTraceLimit = Math.max(own.stackTraceLimit, FRAMES);
  own.prepareStackTrace = (error, sites) => {
    const frames: string[] = [];
    for (const site of sites) {
      const script = scriptOf(site);
      if (script === "node:inspector") break; // a cell's first frame is above: below is the kernel
      if (isKernel(script)) continue;
      frames.push(`\n    at ${localPlace(cells.translate(String(site)), script)}`);
    }
    return header(error) + frames.join("");
  };
}

function scriptOf(site: NodeJS.CallSite): string {
  const { getScriptNameOrSourceURL } = site as { getScriptNameOrSourceURL?(): string };
  return site.getFileName() ?? getScriptNameOrSourceURL?.call(site) ?? "";
}

/** The line of a local TypeScript file as it was written; what it was compiled to is mapped by Node, once it has been told to. */
function localPlace(text: string, script: string): string {
  if (!/\.[mc]?ts(\?v=\d+)?$/.test(script)) return text;
  const map = findSourceMap(script);
  return text.replace(/([^\s()]*)\?v=(\d+)(:\d+:\d+)|(:\d+:\d+)/, (written, path?: string, _version?: string, versioned?: string) => {
    const [, line, column] = (versioned ?? written).split(":");
    const found = map?.findEntry(Number(line) - 1, Number(column) - 1) as { originalLine?: number; originalColumn?: number } | undefined;
    const place =
      found?.originalLine === undefined ? `:${line}:${column}` : `:${found.originalLine + 1}:${(found.originalColumn ?? 0) + 1}`;
    return `${path ?? ""}${place}`;
  });
}

function header(error: unknown): string {
  try {
    return own.prototype.toString.call(error);
  } catch {
    return "an error that cannot be shown";
  }
}
