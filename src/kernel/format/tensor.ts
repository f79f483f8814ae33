/** Tensors of TensorFlow.js and libraries like it: kind, shape, and the first values. */
import type { MimeData } from "../messages.js";
import { shortNumber } from "./table.js";

type Tensor = {
  shape: number[];
  dtype: string;
  size: number;
  isDisposedInternal: boolean;
  dataSync(): ArrayLike<number | string>;
  slice(begin: number[], size: number[]): Tensor;
  dispose(): void;
  /** Variables have these two. */
  name?: string;
  trainable?: boolean;
};

/** Values of the last axis, and of the others, that are shown; values in all. */
const LAST = 8;
const OTHERS = 6;
const VALUES = 200;

export function formatTensor(value: object): MimeData | undefined {
  const tensor = value as Partial<Tensor>;
  if (typeof tensor.dataSync !== "function" || typeof tensor.dtype !== "string" || typeof tensor.isDisposedInternal !== "boolean")
    return undefined;
  if (!Array.isArray(tensor.shape) || !tensor.shape.every((size) => Number.isInteger(size))) return undefined;
  return { "text/plain": tensorText(tensor as Tensor) };
}

function tensorText(tensor: Tensor): string {
  const { shape, dtype, name, trainable } = tensor;
  const kind = typeof trainable === "boolean" ? `Variable ${JSON.stringify(name)}${trainable ? "" : " (not trainable)"}` : "Tensor";
  const title = `${kind} ${dtype} [${shape.join(", ")}]`;
  if (tensor.isDisposedInternal) return `${title} (disposed)`;
  if (shape.includes(0) || dtype.startsWith("complex")) return title;
  try {
    return `${title}\n${preview(tensor)}`;
  } catch (error) {
    return `${title}\n(no preview: ${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
  }
}

function preview(tensor: Tensor): string {
  const sizes = shownSizes(tensor.shape);
  const texts = Array.from(read(tensor, sizes), (value) => valueText(value, tensor.dtype));
  const width = Math.max(...texts.map((text) => text.length));
  return nested(
    texts.map((text) => text.padStart(width)),
    tensor.shape,
    sizes,
    0,
  );
}

/** As many of each axis as are shown; leading axes give way first. */
function shownSizes(shape: number[]): number[] {
  const sizes = shape.map((size, axis) => Math.min(size, axis === shape.length - 1 ? LAST : OTHERS));
  const total = (): number => sizes.reduce((product, size) => product * size, 1);
  for (let axis = 0; axis < sizes.length && total() > VALUES; axis++) {
    sizes[axis] = Math.max(1, Math.floor((sizes[axis]! * VALUES) / total()));
  }
  return sizes;
}

/** A tensor of which only a part is shown is sliced first: a large one may live on a device. */
function read(tensor: Tensor, sizes: number[]): ArrayLike<number | string> {
  if (sizes.every((size, axis) => size === tensor.shape[axis])) return tensor.dataSync();
  const part = tensor.slice(
    sizes.map(() => 0),
    sizes,
  );
  try {
    return part.dataSync();
  } finally {
    part.dispose();
  }
}

function valueText(value: number | string, dtype: string): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  return dtype === "bool" ? String(Boolean(value)) : shortNumber(value);
}

function nested(texts: string[], shape: number[], sizes: number[], axis: number): string {
  if (axis === shape.length) return texts[0]!.trim();
  const each = texts.length / sizes[axis]!;
  const parts = Array.from({ length: sizes[axis]! }, (_, i) => {
    const inside = texts.slice(i * each, (i + 1) * each);
    return axis === shape.length - 1 ? inside[0]! : nested(inside, shape, sizes, axis + 1);
  });
  if (sizes[axis]! < shape[axis]!) parts.push("…");
  return `[${parts.join(axis === shape.length - 1 ? ", " : `,\n${" ".repeat(axis + 1)}`)}]`;
}
