/**
 * What danfojs-node 1.2.0 gets wrong, put right on its prototypes, once, when it is loaded: methods' results are mended frames too.
 */
import { inspect } from "node:util";
import type { DataFrame, Series } from "danfojs-node";
import { displaySymbol, type MimeBundle, type ShowOptions } from "./display.js";
import type { Danfo } from "./frame.js";
import { tableBundle } from "./table.js";

/** Adds the display and replaces `describe`, `sortValues` and the groups' arithmetic by versions that leave missing values out. */
export function mendDanfo(danfo: Danfo): void {
  const any = new danfo.DataFrame([[0]], { columns: ["key"] });
  mendDisplay(prototypeWith(any, "$setValues"));
  Object.assign(prototypeWith(any, "describe"), { describe: describeFrame(danfo) });
  Object.assign(prototypeWith(any, "sortValues"), { sortValues: sortFrame(danfo) });
  mendGroups(prototypeWith(any.groupby(["key"]), "groupMathLog"));
}

/** danfo's classes are subclassed for Node, but many of its methods return the base class: mend where the method is defined. */
function prototypeWith(instance: object, method: string): object {
  let prototype: object | null = Object.getPrototypeOf(instance);
  while (prototype && !Object.hasOwn(prototype, method)) prototype = Object.getPrototypeOf(prototype);
  if (!prototype) throw new Error(`danfojs-node: expected a method ${method}; this adapter is written for version 1.2.0`);
  return prototype;
}

type Data = DataFrame | Series;

function mendDisplay(prototype: object): void {
  Object.defineProperty(prototype, displaySymbol, { value: dataBundle, writable: true });
  Object.defineProperty(prototype, inspect.custom, {
    value(this: Data) {
      return dataBundle.call(this)["text/plain"];
    },
    writable: true,
  });
}

/** danfo keeps a series' values flat, a frame's by row. */
function dataBundle(this: Data, options: ShowOptions = {}): MimeBundle {
  const values = this.$isSeries ? (this.values as unknown[]).map((value) => [value]) : (this.values as unknown[][]);
  const named = this.index.some((name, i) => name !== i);
  return tableBundle({ columns: this.columns.map(String), values, ...(named && { index: this.index }) }, options);
}

const isMissing = (value: unknown): boolean => value === null || value === undefined || Number.isNaN(value);

/** danfo throws on null and passes NaN on. */
function describeFrame(danfo: Danfo) {
  return function describe(this: DataFrame): DataFrame {
    const index = ["count", "mean", "std", "min", "median", "max", "variance"];
    const numeric = this.columns.filter((_, j) => this.dtypes[j] === "float32" || this.dtypes[j] === "int32");
    const columns = numeric.map((name) => {
      const j = this.columns.indexOf(name);
      return summary((this.values as unknown[][]).map((row) => row[j]).filter((value) => !isMissing(value)) as number[]);
    });
    if (!columns.length) return new danfo.DataFrame([]);
    const rows = index.map((_, i) => columns.map((column) => column[i]!));
    return new danfo.DataFrame(rows as never, { columns: numeric, index, dtypes: numeric.map(() => "float32") });
  };
}

/** Count, mean, standard deviation, smallest, median, largest, variance (both with n - 1); `null` where there are too few values. */
function summary(values: number[]): (number | null)[] {
  const count = values.length;
  if (!count) return [0, null, null, null, null, null, null];
  const sorted = [...values].sort((a, b) => a - b);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = count > 1 ? values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1) : null;
  const median = (sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2;
  return [count, mean, variance === null ? null : Math.sqrt(variance), sorted[0]!, median, sorted[count - 1]!, variance];
}

/** danfo's sort takes quadratic time and puts missing values first; here they are last, and equal values keep their order. */
function sortFrame(danfo: Danfo) {
  return function sortValues(
    this: DataFrame,
    column: string,
    options: { ascending?: boolean; inplace?: boolean } = {},
  ): DataFrame | undefined {
    const { ascending = true, inplace = false } = options;
    const j = this.columns.indexOf(column);
    if (j < 0) throw new RangeError(`sortValues: expected one of the columns ${this.columns.join(", ")}, got ${JSON.stringify(column)}`);
    const rows = this.values as unknown[][];
    const order = rows.map((_, i) => i).sort((a, b) => compare(rows[a]![j], rows[b]![j], ascending));
    const [values, index, dtypes] = [order.map((i) => rows[i]!), order.map((i) => this.index[i]!), [...this.dtypes]];
    if (!inplace) return new danfo.DataFrame(values as never, { columns: [...this.columns], index, dtypes });
    this.$setValues(values as never);
    this.$setIndex(index);
    this.$setDtypes(dtypes);
    return undefined;
  };
}

function compare(a: unknown, b: unknown, ascending: boolean): number {
  if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b));
  const order = (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
  return ascending ? order : -order;
}

type GroupMath = (values: unknown[], operation: string) => unknown[];

/** danfo adds null as 0 and counts it; the running operations keep their length and are left alone. */
function mendGroups(prototype: object): void {
  const original = (prototype as { groupMathLog: GroupMath }).groupMathLog;
  const mended: GroupMath = function (this: unknown, values, operation) {
    if (operation.startsWith("cum")) return original.call(this, values, operation);
    const present = values.filter((value) => !isMissing(value));
    if (operation === "count") return [present.length];
    return present.length ? original.call(this, present, operation) : [operation === "sum" ? 0 : null];
  };
  Object.assign(prototype, { groupMathLog: mended });
}
