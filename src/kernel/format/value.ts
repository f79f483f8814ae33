/** What a value looks like in a notebook: its representations by MIME type. */
import { types } from "node:util";
import { displaySymbol } from "../display-symbol.js";
import type { MimeData } from "../messages.js";
import { isBundle, toBundle } from "./bundle.js";
import { formatFigure } from "./figure.js";
import { formatImage } from "./image.js";
import { formatTabular } from "./tabular.js";
import { formatTensor } from "./tensor.js";
import { messageOf, textOf } from "./text.js";

export type FormatOptions = {
  /** Lists of flat objects become tables; otherwise they stay text. */
  tables?: boolean;
};

/**
 * The representations of any value; an empty bundle means that nothing is to be shown (a display handle). Never throws and never
 * rejects: what a value's own display method throws becomes the text shown. Asynchronous only where that method is.
 */
export function formatValue(value: unknown, options: FormatOptions = {}): MimeData | Promise<MimeData> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return { "text/plain": textOf(value) };
  return ownBundle(value) ?? knownBundle(value, options);
}

/** What the value's own method returns; undefined where it has none, or one that returns no bundle. */
function ownBundle(value: object): MimeData | Promise<MimeData> | undefined {
  try {
    const method = (value as { [displaySymbol]?: unknown })[displaySymbol];
    if (typeof method !== "function") return undefined;
    const result: unknown = Reflect.apply(method, value, []);
    if (isPromise(result)) {
      const checked = result.then((bundle) => (isBundle(bundle) ? toBundle(bundle) : knownBundle(value, {})));
      return checked.then(undefined, (error: unknown) => failed(value, error));
    }
    return isBundle(result) ? toBundle(result) : undefined;
  } catch (error) {
    return failed(value, error);
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value);
}

const failed = (value: object, error: unknown): MimeData => ({
  "text/plain": `${textOf(value)}\n(its own display failed: ${messageOf(error)})`,
});

const FORMATS = [formatTensor, formatTabular, formatImage, formatFigure];

/** The first format that knows the value; reading a proxy's or a getter's properties may throw, which leaves the text. */
function knownBundle(value: object, options: FormatOptions): MimeData {
  if (!types.isProxy(value)) {
    for (const format of FORMATS) {
      try {
        const bundle = format(value, options);
        if (bundle) return bundle;
      } catch {
        // Not what it looked like.
      }
    }
  }
  return { "text/plain": textOf(value) };
}
