import { isNative } from "../../src/core/engine.js";
import { tf } from "../../src/core/tf.js";

/** `work` without the addon's own operations, as it is on a GPU. */
export function plainly<T>(work: () => T): T {
  if (!isNative()) return work();
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean };
  const before = backend.isUsingGpuDevice;
  backend.isUsingGpuDevice = true;
  try {
    return work();
  } finally {
    backend.isUsingGpuDevice = before;
  }
}
