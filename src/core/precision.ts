import type { Precision } from "./compile/mixed.js";
import { isNative } from "./engine.js";
import { type Tensor, tf } from "./tf.js";

export type { Precision };

/** TensorFlow's numbers for element types (`DataType` in types.proto). */
const TYPES = { f32: 1, bf16: 14, f16: 19 } as const;

type Made = { id: number; shape: number[] };
type Binding = {
  TF_ATTR_TYPE: number;
  TF_ATTR_BOOL: number;
  executeOp(name: string, attributes: { name: string; type: number; value: unknown }[], inputs: number[], outputs: number): Made[];
  tensorDataSync(id: number): unknown;
  deleteTensor(id: number): void;
};
type Backend = { binding: Binding; getInputTensorIds(tensors: Tensor[]): number[] };

/**
 * Multiplies two square matrices `[size, size]` in a precision, `runs` times, and returns the best speed in GFLOP/s; `null` where the engine cannot. Types that
 * tfjs does not know are handled by TensorFlow's own handles.
 */
export function matmulSpeed(precision: Precision, size: number, runs: number): number | null {
  if (precision === "f32") return portableSpeed(size, runs);
  if (!isNative()) return null;
  const { binding, getInputTensorIds } = tf.backend() as unknown as Backend;
  const ids: number[] = [];
  const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
  const cast = (id: number, from: number, to: number): number => {
    const made = binding.executeOp("Cast", [type("SrcT", from), type("DstT", to)], [id], 1)[0]!.id;
    ids.push(made);
    return made;
  };
  const matrix = tf.randomUniform([size, size]);
  try {
    const low = cast(getInputTensorIds.call(tf.backend(), [matrix])[0]!, TYPES.f32, TYPES[precision]);
    const flags = ["transpose_a", "transpose_b"].map((name) => ({ name, type: binding.TF_ATTR_BOOL, value: false }));
    let best = 0;
    for (let run = 0; run < runs; run++) {
      const began = performance.now();
      const product = binding.executeOp("MatMul", [...flags, type("T", TYPES[precision])], [low, low], 1)[0]!.id;
      ids.push(product);
      binding.tensorDataSync(cast(product, TYPES[precision], TYPES.f32));
      best = Math.max(best, (2 * size ** 3) / (performance.now() - began) / 1e6);
    }
    return best;
  } catch {
    return null;
  } finally {
    for (const id of ids) binding.deleteTensor(id);
    matrix.dispose();
  }
}

function portableSpeed(size: number, runs: number): number {
  const matrix = tf.randomUniform([size, size]);
  let best = 0;
  for (let run = 0; run < runs; run++) {
    const began = performance.now();
    const product = tf.matMul(matrix, matrix);
    product.dataSync();
    best = Math.max(best, (2 * size ** 3) / (performance.now() - began) / 1e6);
    product.dispose();
  }
  matrix.dispose();
  return best;
}

const usable = new Map<Precision, string>();

/**
 * What to compute in where `wanted` is asked for: that, or f32 where this engine does not multiply faster in it, and why. Measured once, in some tenths
 * of a second.
 */
export function usablePrecision(wanted: Precision): { precision: Precision; why: string } {
  if (wanted === "f32") return { precision: wanted, why: "" };
  if (!usable.has(wanted)) usable.set(wanted, whyNot(wanted));
  const why = usable.get(wanted)!;
  return why ? { precision: "f32", why } : { precision: wanted, why };
}

function whyNot(wanted: Precision): string {
  const [plain, low] = [matmulSpeed("f32", 768, 3), matmulSpeed(wanted, 768, 3)];
  if (low === null) return `the engine "${tf.getBackend()}" does not compute in ${wanted}`;
  if (low > (plain ?? 0)) return "";
  return `this machine multiplies no faster in ${wanted} than in f32`; // no figures: the reason is part of a run's identity
}
