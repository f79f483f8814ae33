// A program that starts a kernel from the build, says its process id and waits: tests kill it.
import { startKernel } from "../../dist/kernel/client.js";

export async function startEqlab() {
  const launcher = new URL("../../kernels/eqlab/launch.mjs", import.meta.url).pathname;
  const kernel = await startKernel({ argv: [process.execPath, launcher, "{connection_file}"] }, { folder: import.meta.dirname });
  console.log(kernel.pid);
}
