/** What a cell can call without an import, and the seams that libraries find on `globalThis`. */
import type { CommRouter } from "./comms.js";
import { type Display, type DisplayMessage, makeDisplay } from "./display.js";
import { type HtmlTag, html, type MarkdownTag, md, type SvgTag, svg } from "./markup.js";
import type { FromSession } from "./messages.js";
import { makeWidgets, type Widgets } from "./widgets/widgets.js";

/** What a global may send; whoever takes it adds the cell. */
export type GlobalOutput = DisplayMessage | Omit<Extract<FromSession, { kind: "clear" }>, "cell">;

/** The ways to ask the user; each blocks until there is an answer. */
export type Prompts = {
  /** Asks for a line of text; `null` where the front end takes no input. `initial` is the answer where the line is left empty. */
  prompt(text?: string, initial?: string): string | null;
  /** Asks for a line that the front end does not show while it is typed. */
  password(text?: string): string | null;
  /** Asks a question; true for `y` or `yes`. */
  confirm(text?: string): boolean;
};

/** What every cell sees; the doc comments are those that inspection shows. */
export interface CellGlobals extends Prompts {
  /**
   * Shows a value now, before the cell ends: tables, tensors, figures and images as such, other values as text.
   * The result is a handle on the place where it stands.
   * ```ts
   * const place = display("loading");
   * place.update(md`**done**`);
   * ```
   */
  display: Display;
  /** A piece of Markdown: md`# Results` as a cell's last line, or display(md`loss *${loss}*`). Interpolated values stay Markdown. */
  md: MarkdownTag;
  /** A piece of HTML: html`<b>${name}</b>`. Interpolated values are escaped, unless they are html or svg pieces or lists of them. */
  html: HtmlTag;
  /** A drawing: svg`<svg ...>${parts}</svg>`. Interpolated values are escaped, unless they are html or svg pieces or lists of them. */
  svg: SvgTag;
  /** Removes the cell's output so far; with `true`, only when the next output arrives, so that nothing flickers. */
  clearOutput(wait?: boolean): void;
  /** Sliders, choices, buttons and areas to draw in, with callbacks in TypeScript. */
  widgets: Widgets;
}

export type GlobalsOptions = {
  send(output: GlobalOutput): void;
  comms: CommRouter;
  prompts: Prompts;
};

export type MadeGlobals = {
  /** To be put on `globalThis` under these names. */
  globals: CellGlobals;
  /** To be put on `globalThis` under `Symbol.for(name)`: `Jupyter.publish`, `Jupyter.comms`, `Jupyter.widgets`. */
  seams: { [name: string]: unknown };
  /** Settles when what was displayed asynchronously so far is sent; a cell is not done before. */
  settled(): Promise<void>;
};

export function makeGlobals({ send, comms, prompts }: GlobalsOptions): MadeGlobals {
  const { display, publish, settled } = makeDisplay(send);
  const widgets = makeWidgets(comms, display);
  const { prompt, password, confirm } = prompts;
  const clearOutput = (wait = false): void => send({ kind: "clear", wait: Boolean(wait) });
  return {
    globals: { display, md, html, svg, clearOutput, widgets, prompt, password, confirm },
    seams: { "Jupyter.publish": publish, "Jupyter.comms": comms, "Jupyter.widgets": widgets },
    settled,
  };
}

/** Puts the globals (which a cell may replace) and the seams (which loops do not see) on `target`. */
export function installGlobals({ globals, seams }: MadeGlobals, target: object = globalThis): void {
  const hidden = { configurable: true, writable: true, enumerable: false };
  for (const [name, value] of Object.entries(globals)) Object.defineProperty(target, name, { ...hidden, value });
  for (const [name, value] of Object.entries(seams)) Object.defineProperty(target, Symbol.for(name), { ...hidden, value });
}
