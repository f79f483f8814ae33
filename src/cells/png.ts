import { readFileSync } from "node:fs";
import { require } from "../core/tf.js";

/** Latin, Greek letters of statistics, and names with accents; the first is what charts are set in. */
const FONTS = ["latin-400", "latin-700", "greek-400", "latin-ext-400"];

/**
 * An SVG as PNG, for what shows no SVG: Excel, slides. Drawn by resvg in WebAssembly with a font of its own, so that it needs neither
 * a browser nor fonts on the machine, and the same text gives the same bytes. `zoom` 2 is sharp in print.
 */
export async function svgToPng(svg: string, { zoom = 2 } = {}): Promise<Uint8Array> {
  const { Resvg, fonts } = await renderer();
  const drawing = new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: zoom },
    font: { fontBuffers: fonts, defaultFontFamily: "Arimo", sansSerifFamily: "Arimo" },
  });
  try {
    const image = drawing.render();
    try {
      return image.asPng();
    } finally {
      image.free();
    }
  } finally {
    drawing.free();
  }
}

type Renderer = { Resvg: typeof import("@resvg/resvg-wasm").Resvg; fonts: Uint8Array[] };
let started: Promise<Renderer> | undefined;

/** WebAssembly may be started once a process. */
function renderer(): Promise<Renderer> {
  started ??= (async () => {
    const { initWasm, Resvg } = await import("@resvg/resvg-wasm");
    await initWasm(readFileSync(require.resolve("@resvg/resvg-wasm/index_bg.wasm")));
    const fonts = FONTS.map((name) => readFileSync(require.resolve(`@fontsource/arimo/files/arimo-${name}-normal.woff2`)));
    return { Resvg, fonts };
  })();
  return started;
}
