import { isNative } from "../core/engine.js";
import { type Tensor, tf } from "../core/tf.js";
import { nativeOp } from "./native.js";

/** Whether the addon's own operations work here: it has them for the CPU, in f32. */
export const hasOwnOperations = (): boolean => isNative() && !(tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice;

/** One of the addon's own operations (fused-*.cc), by its name without "Eqlab". The results belong to the caller's tidy; no gradient passes through. */
export const fused = <T extends Tensor[] = [Tensor]>(name: string, inputs: Tensor[], outputs: T["length"] = 1): T =>
  nativeOp(`Eqlab${name}`, [], inputs, outputs) as T;
