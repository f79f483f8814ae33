import { isNative } from "../core/engine.js";
import { type Tensor, tf } from "../core/tf.js";

/** TensorFlow's numbers for element types (`DataType` in TensorFlow's types.proto). */
export const DT = { float: 1, int32: 3, bfloat16: 14, half: 19 } as const;

export type NativeAttribute = { name: string; kind: "int" | "bool" | "type"; value: number | boolean };
type Backend = {
  binding: Record<"TF_ATTR_INT" | "TF_ATTR_BOOL" | "TF_ATTR_TYPE", number>;
  executeMultipleOutputs(
    name: string,
    attributes: { name: string; type: number; value: unknown }[],
    inputs: Tensor[],
    outputs: number,
  ): Tensor[];
};

/** Runs one TensorFlow operation on the native engine. The results belong to the caller's tidy; no gradient passes through. */
export function nativeOp(name: string, attributes: NativeAttribute[], inputs: Tensor[], outputs = 1): Tensor[] {
  if (!isNative()) throw new Error(`${name}: expected the native engine, got "${tf.getBackend()}"`);
  const backend = tf.backend() as unknown as Backend;
  const { TF_ATTR_INT, TF_ATTR_BOOL, TF_ATTR_TYPE } = backend.binding;
  const kinds = { int: TF_ATTR_INT, bool: TF_ATTR_BOOL, type: TF_ATTR_TYPE };
  const resolved = attributes.map(({ name, kind, value }) => ({ name, type: kinds[kind], value }));
  return backend.executeMultipleOutputs(name, resolved, inputs, outputs);
}
