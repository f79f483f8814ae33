import { shown } from "./errors.js";

type Shaped = { shape: readonly number[] };

/**
 * Names the axes of a tensor: `const { batch, time } = dims(ids, ["batch", "time"], "inputIds")`.
 * @throws RangeError `inputIds: expected shape [batch, time], got [3]` where the rank differs.
 */
export function dims<const Axes extends readonly string[]>(tensor: Shaped, axes: Axes, thing: string): Record<Axes[number], number> {
  if (tensor.shape.length !== axes.length) {
    throw new RangeError(`${thing}: expected shape [${axes.join(", ")}], got [${tensor.shape.join(", ")}]`);
  }
  return Object.fromEntries(axes.map((axis, i) => [axis, tensor.shape[i]])) as Record<Axes[number], number>;
}

/** @throws RangeError unless `value` is a whole number in `[low, high]`. */
export function checkInteger(thing: string, value: number, low: number, high = Number.MAX_SAFE_INTEGER): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  const range = high === Number.MAX_SAFE_INTEGER ? `a whole number, at least ${low}` : `a whole number from ${low} to ${high}`;
  throw new RangeError(`${thing}: expected ${range}, got ${shown(value)}`);
}

/** @throws RangeError unless `value` is a finite number in `[low, high]`. */
export function checkNumber(thing: string, value: number, low: number, high = Number.POSITIVE_INFINITY): number {
  if (Number.isFinite(value) && value >= low && value <= high) return value;
  const range = high === Number.POSITIVE_INFINITY ? `a number, at least ${low}` : `a number from ${low} to ${high}`;
  throw new RangeError(`${thing}: expected ${range}, got ${shown(value)}`);
}
