/** The positions of a slider, which the front end counts from its lower end: how far apart they are, and how they are written. */

/** Of a step: what only rounding makes. */
const SLACK = 1e-6;
/** After the point, at most. */
const DIGITS = 8;

/**
 * 1, 2 or 5 times a power of ten, at most a hundredth of the range; down to a thousandth of that, so that `values` are positions too. The front
 * end would move a value that is none.
 */
export function niceStep(min: number, max: number, values: readonly number[]): number {
  const widest = (max - min) / 100;
  let first: number | undefined;
  for (let power = Math.floor(Math.log10(widest)); ; power--) {
    for (const digit of [5, 2, 1]) {
      const step = Number(`${digit}e${power}`);
      if (step > widest * (1 + SLACK)) continue;
      if (step < widest / 1000) return first!;
      first ??= step;
      if (values.every((value) => isPosition(value, min, step))) return step;
    }
  }
}

/** Whether `moved` is where the front end puts `value`, which stands between two positions: then nobody has moved it. */
export function isRounded(moved: number, value: number, min: number, max: number, step: number): boolean {
  if (isPosition(value, min, step)) return false;
  const nearest = Math.min(max, min + Math.round((value - min) / step) * step);
  return Math.abs(moved - nearest) <= step * SLACK;
}

/** Digits after the point that positions are written with: as many as the first one and the step have. */
export const digitsOf = (min: number, step: number): number => Math.max(decimals(min, step), decimals(step, step));

/** Where a number has no end, such as a third, two digits of a step are enough. */
function decimals(value: number, step: number): number {
  for (let count = 0; count <= DIGITS; count++) if (Math.abs(Number(value.toFixed(count)) - value) <= step * 1e-9) return count;
  return Math.min(DIGITS, Math.max(1, Math.ceil(1 - Math.log10(step))));
}

function isPosition(value: number, min: number, step: number): boolean {
  const steps = (value - min) / step;
  return Math.abs(steps - Math.round(steps)) <= SLACK;
}
