/** A method under this symbol returns a value's MIME bundle, or a promise of it. */
export const displaySymbol: unique symbol = Symbol.for("Jupyter.display") as never;
