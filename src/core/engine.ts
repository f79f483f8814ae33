import { existsSync, readFileSync } from "node:fs";
import { addonFile, addonPackage, stateFile } from "../setup/paths.mjs";
import { expected } from "./errors.js";
import { beforeFirstUse, mendNode, require, tf } from "./tf.js";

export type EngineName = "tensorflow" | "wasm" | "cpu";

/** The engine in use and why a better one is not. */
export type Engine = {
  name: EngineName;
  device: "cpu" | "gpu";
  /** Empty for the native engine; else why it is not used, and what to do. */
  whyNotBetter: string;
};

let current: Promise<Engine> | undefined;

/**
 * Starts the best engine that works here and keeps it: the native TensorFlow addon, else WASM. Later calls return the first one's answer.
 * Every function of this library that loads a model calls it. `prefer: "wasm"` (or `EQLAB_ENGINE=wasm`) skips the native one.
 * @throws RangeError for an engine that does not exist; Error where neither loads.
 */
export function startEngine({ prefer }: { prefer?: EngineName } = {}): Promise<Engine> {
  asked = true;
  current ??= start(prefer ?? (process.env.EQLAB_ENGINE as EngineName | undefined));
  return current;
}

let asked = false;

/** `tf` in a cell, before any engine was started: the native one, which starts at once. */
beforeFirstUse(() => {
  const prefer = process.env.EQLAB_ENGINE;
  if (asked || (prefer && prefer !== "tensorflow")) return;
  if (!startNative()) current = Promise.resolve({ name: "tensorflow", device: usesGpu() ? "gpu" : "cpu", whyNotBetter: "" });
});

async function start(prefer: EngineName | undefined): Promise<Engine> {
  if (prefer && !["tensorflow", "wasm", "cpu"].includes(prefer)) {
    throw new RangeError(expected("engine", '"tensorflow", "wasm" or "cpu"', prefer));
  }
  let whyNotBetter = prefer && prefer !== "tensorflow" ? `${prefer} was asked for` : "";
  if (!whyNotBetter) {
    whyNotBetter = startNative();
    if (!whyNotBetter) return { name: "tensorflow", device: usesGpu() ? "gpu" : "cpu", whyNotBetter };
  }
  if (prefer === "tensorflow") throw new Error(`engine: the native engine was asked for but does not start: ${whyNotBetter}`);
  if (prefer !== "cpu") {
    require("@tensorflow/tfjs-backend-wasm");
    if (await tf.setBackend("wasm")) return { name: "wasm", device: "cpu", whyNotBetter };
  }
  if (!(await tf.setBackend("cpu"))) throw new Error("engine: neither TensorFlow, WASM nor the plain CPU backend starts");
  return { name: "cpu", device: "cpu", whyNotBetter };
}

/** Returns an empty text, or why the native engine did not start. */
function startNative(): string {
  if (!existsSync(addonFile())) return `the native addon is not built${recorded()}`;
  // TensorFlow reads these once, while it loads.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= "true";
  // Without it TensorFlow uses plain AVX on processors that lack AVX-512: half the speed there.
  process.env.TF_ENABLE_ONEDNN_OPTS ??= "1";
  mendNode();
  try {
    require(addonPackage());
  } catch (error) {
    return `the native addon does not load (${(error as Error).message.split("\n")[0]}). Run \`npm run setup\` to build it again`;
  }
  return "";
}

function recorded(): string {
  try {
    const { engineReason } = JSON.parse(readFileSync(stateFile, "utf8")) as { engineReason?: string };
    return engineReason ? `: ${engineReason}` : ". Run `npm run setup`";
  } catch {
    return ". Run `npm run setup`";
  }
}

type NativeBackend = { isUsingGpuDevice?: boolean };

function usesGpu(): boolean {
  return (tf.backend() as unknown as NativeBackend).isUsingGpuDevice === true;
}

/** True on the native engine, where TensorFlow's own kernels can be called. */
export const isNative = (): boolean => tf.getBackend() === "tensorflow";
