/** `display()` and its handles, and the function behind `Jupyter.publish`. */
import { randomBytes } from "node:crypto";
import { displaySymbol } from "./display-symbol.js";
import { jsonValue, toBundle } from "./format/bundle.js";
import { formatValue } from "./format/value.js";
import type { FromSession, MimeData } from "./messages.js";

/** A display on its way; whoever takes it adds the cell. */
export type DisplayMessage = Omit<Extract<FromSession, { kind: "display" }>, "cell">;

/** How a value is shown. */
export type DisplayOptions = {
  /** The value is a MIME bundle, such as `{ "text/html": "<b>x</b>", "text/plain": "x" }`; bytes become base64. */
  raw?: boolean;
  /** Names the place, so that any later display can replace what stands there; made up unless given. */
  displayId?: string;
  /** Replaces what stands at `displayId`, instead of adding to the cell's output. */
  update?: boolean;
  /** Hints to the front end by MIME type, such as `{ "image/png": { width: 300 } }`. */
  metadata?: { [key: string]: unknown };
};

/** A place in a notebook's output. */
export type DisplayHandle = {
  /** The place's display id. */
  readonly id: string;
  /** Replaces what stands there. Each call is one message: at most ten a second read well. */
  update(value: unknown, options?: Pick<DisplayOptions, "raw" | "metadata">): void;
};

/** Shows a value now. @throws TypeError with `raw`, for what is not a MIME bundle. */
export type Display = (value: unknown, options?: DisplayOptions) => DisplayHandle;

/** What libraries find as `globalThis[Symbol.for("Jupyter.publish")]`: sends one bundle, or replaces the one at `displayId`. */
export type Publish = (bundle: MimeData, options?: { displayId?: string; update?: boolean; metadata?: { [key: string]: unknown } }) => void;

export type MadeDisplay = { display: Display; publish: Publish; settled(): Promise<void> };

/** Values with an asynchronous display are sent when they are ready, those of one place in the order of the calls. */
export function makeDisplay(send: (message: DisplayMessage) => void): MadeDisplay {
  const prefix = randomBytes(6).toString("hex");
  let made = 0;
  /** By display id: what is still being formatted for it. */
  const waiting = new Map<string, Promise<void>>();

  const sendBundle = (data: MimeData, displayId: string | undefined, update: boolean, metadata: object): void => {
    if (!Object.keys(data).length) return;
    send({ kind: "display", data, metadata: jsonValue(metadata) as MimeData, ...(displayId !== undefined && { displayId }), update });
  };

  function place(value: unknown, id: string, { raw = false, update = false, metadata = {} }: DisplayOptions): void {
    const bundle = raw ? toBundle(value) : formatValue(value, { tables: true });
    const before = waiting.get(id);
    if (!before && !(bundle instanceof Promise)) {
      sendBundle(bundle, id, update, metadata);
      return;
    }
    const sent = Promise.all([bundle, before]).then(([data]) => sendBundle(data, id, update, metadata));
    waiting.set(id, sent);
    void sent.finally(() => {
      if (waiting.get(id) === sent) waiting.delete(id);
    });
  }

  return {
    display(value, options = {}) {
      const id = options.displayId ?? `${prefix}-${++made}`;
      place(value, id, options);
      const update: DisplayHandle["update"] = (next, more = {}) => place(next, id, { ...more, update: true });
      return hidden({ id, update });
    },
    publish(bundle, { displayId, update = false, metadata = {} } = {}) {
      sendBundle(toBundle(bundle), displayId, update, metadata);
    },
    async settled() {
      while (waiting.size) await Promise.allSettled(waiting.values());
    },
  };
}

/** A cell that ends in `display(x)` shows x once: the handle itself shows nothing. */
function hidden(handle: DisplayHandle): DisplayHandle {
  return Object.defineProperty(handle, displaySymbol, { value: () => ({}) });
}
