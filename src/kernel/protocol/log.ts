import { writeSync } from "node:fs";

/** One line to the kernel's own stderr. Written directly: a worker's `process.stderr` waits for the main thread, which may be busy. */
export function log(text: string): void {
  try {
    writeSync(2, `eqlab kernel: ${text}\n`);
  } catch {
    // Nobody reads it.
  }
}
