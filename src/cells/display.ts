/**
 * The one seam between the library and a kernel. What a cell can show carries `Symbol.for("Jupyter.display")`, a method that returns a
 * MIME bundle; `show` sends the bundle where a kernel listens and does nothing where none does.
 */
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { inspect } from "node:util";

/** Representations of one value by MIME type; the front end shows the richest that it knows. */
export type MimeBundle = { "text/plain": string; [mime: string]: unknown };

export const displaySymbol: unique symbol = Symbol.for("Jupyter.display") as never;

/** Where a kernel hangs its publisher on `globalThis`, for whoever wants to show something before a cell ends. */
export const publishSymbol: unique symbol = Symbol.for("Jupyter.publish") as never;

/** What a table shows of its content; other values pass it over. */
export type ShowOptions = {
  /** Rows shown at most, 20 unless told. */
  rows?: number;
  /** Columns shown at most, 20 unless told. */
  columns?: number;
  /** Characters of a cell shown at most, 100 unless told; the rest is in the tooltip. */
  characters?: number;
  title?: string;
};

export type Displayable = { [displaySymbol](options?: ShowOptions): MimeBundle };

/** Sends one bundle to the front end; with `update`, it replaces what was sent under the same `displayId`. */
export type Publish = (bundle: MimeBundle, options: { displayId?: string; update: boolean }) => void;

/** A place in the notebook whose content can be replaced. */
export type LiveDisplay = { show(value: unknown): void };

/** Shows a value in the notebook: one message with all its MIME types. Without a kernel nothing happens. */
export function show(value: unknown, options: ShowOptions = {}): void {
  publisher()?.(bundleOf(value, options), { update: false });
}

/** The first `show` makes a place in the notebook, later ones replace its content. */
export function liveDisplay(): LiveDisplay {
  const displayId = randomBytes(8).toString("hex");
  let update = false;
  return {
    show(value) {
      const publish = publisher();
      if (!publish) return;
      publish(bundleOf(value), { displayId, update });
      update = true;
    },
  };
}

/** True where a kernel listens. */
export const hasKernel = (): boolean => publisher() !== undefined;

/** The MIME bundle of any value: its own, or the text that `console.log` would print. */
export function bundleOf(value: unknown, options: ShowOptions = {}): MimeBundle {
  if (isDisplayable(value)) return value[displaySymbol](options);
  return { "text/plain": typeof value === "string" ? value : inspect(value) };
}

/** Gives `value` a bundle, and its plain text to `console.log`. The properties are hidden from loops and from JSON. */
export function displayable<T extends object>(value: T, bundle: (options?: ShowOptions) => MimeBundle): T & Displayable {
  Object.defineProperty(value, displaySymbol, { value: bundle, configurable: true });
  Object.defineProperty(value, inspect.custom, { value: () => bundle()["text/plain"], configurable: true });
  return value as T & Displayable;
}

function isDisplayable(value: unknown): value is Displayable {
  return typeof value === "object" && value !== null && typeof (value as Displayable)[displaySymbol] === "function";
}

function publisher(): Publish | undefined {
  return (globalThis as { [publishSymbol]?: Publish })[publishSymbol] ?? tslabPublisher();
}

type TslabWrite = (content: { data: MimeBundle; metadata: object; transient: { display_id?: string } }, update: boolean) => void;

const modules = createRequire(import.meta.url).cache;
let tslab: { lastWriteDisplayData?: TslabWrite | null } | undefined;

/**
 * tslab's public `display` sends one MIME type a message; the function below it takes a whole bundle. It is found among the loaded
 * modules, so that the library neither imports nor needs tslab. tslab sets the function anew for each cell.
 */
function tslabPublisher(): Publish | undefined {
  tslab ??= Object.entries(modules).find(([path]) => /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(path))?.[1]?.exports;
  const write = tslab?.lastWriteDisplayData;
  if (!write) return undefined;
  return (data, { displayId, update }) =>
    patiently(() => write({ data, metadata: {}, transient: displayId ? { display_id: displayId } : {} }, update));
}

/** tslab throws where its socket is still busy with another message: then the bundle is sent a little later, and no cell fails for it. */
function patiently(send: () => void): void {
  try {
    send();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    setTimeout(() => patiently(send), 5);
  }
}
