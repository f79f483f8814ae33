import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism, freemem, homedir, totalmem } from "node:os";
import { join } from "node:path";
import { root, venv } from "../setup/paths.mjs";
import { compile } from "./compile/compile.js";
import { type Engine, isNative, startEngine } from "./engine.js";
import { matmulSpeed, type Precision } from "./precision.js";
import { require, tf } from "./tf.js";

/** What this machine offers. Speeds are of one large matrix product, in GFLOP/s; memory in GiB. */
export type Diagnosis = {
  engine: Engine;
  /** Measured speed by precision; `null` where the engine does not have it. */
  gflops: Record<Precision, number | null>;
  matmulSize: number;
  /** The precision in which this machine trains fastest. */
  fastest: Precision;
  /** Empty where whole steps run as compiled TensorFlow functions, else why not. */
  whyNotCompiled: string;
  memory: { total: number; free: number };
  cores: number;
  versions: Record<string, string>;
  /** Jupyter kernels for TypeScript that are installed, and where. */
  kernels: { name: string; folder: string }[];
  /** What set-up could not do, in words; empty where all went well. */
  problems: string[];
};

/** Looks at the engine, measures it (a few seconds) and lists versions and kernels. */
export async function diagnose(): Promise<Diagnosis> {
  const engine = await startEngine();
  const size = engine.name === "tensorflow" ? 2048 : 512;
  const gflops = {
    f32: matmulSpeed("f32", size, 5),
    bf16: matmulSpeed("bf16", size, 3),
    f16: matmulSpeed("f16", engine.device === "gpu" ? size : 512, 2),
  };
  const order: Precision[] = ["bf16", "f16", "f32"];
  return {
    engine,
    gflops,
    matmulSize: size,
    fastest: order.reduce((best, each) => ((gflops[each] ?? 0) > (gflops[best] ?? 0) ? each : best)),
    whyNotCompiled: whyNotCompiled(),
    memory: { total: totalmem() / 2 ** 30, free: freemem() / 2 ** 30 },
    cores: availableParallelism(),
    versions: {
      eqlab: versionOf(join(root, "package.json")),
      node: process.versions.node,
      tfjs: tf.version.tfjs,
      tensorflow: tensorflowVersion(),
      typescript: packageVersion("typescript"),
      tslab: packageVersion("tslab"),
    },
    kernels: kernels(),
    problems: engine.whyNotBetter ? [engine.whyNotBetter] : [],
  };
}

function whyNotCompiled(): string {
  const doubled = compile("doctor", (x) => ({ y: tf.add(x!, x!) }));
  tf.tidy(() => {
    doubled(tf.scalar(1));
  });
  doubled.dispose();
  return doubled.fallback;
}

const versionOf = (file: string): string => String((JSON.parse(readFileSync(file, "utf8")) as { version: unknown }).version);

function packageVersion(name: string): string {
  try {
    return versionOf(require.resolve(`${name}/package.json`));
  } catch {
    return "not installed";
  }
}

/** As the library itself says. */
/** Of the TensorFlow under the native engine; "none" on another. */
export function tensorflowVersion(): string {
  if (!isNative()) return "none";
  return String((tf.backend() as unknown as { binding: { TF_Version: unknown } }).binding.TF_Version);
}

function kernels(): { name: string; folder: string }[] {
  const places = [
    join(venv, "share", "jupyter", "kernels"),
    join(homedir(), ".local", "share", "jupyter", "kernels"),
    "/usr/local/share/jupyter/kernels",
  ];
  return places.flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => /tslab|eqlab/.test(name))
          .map((name) => ({ name, folder }))
      : [],
  );
}
