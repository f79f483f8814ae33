// The one place where the native addon is built: the tfjs package's own sources and what this library adds to them, linked against the TensorFlow of a Python package.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { addonFile, addonPackage, root, venvPython } from "./paths.mjs";

const FIND_TENSORFLOW = "import importlib.util as u; s=u.find_spec('tensorflow'); print(s.origin if s and s.origin else '')";

const source = (...path) => join(root, "src", ...path);

/** What the addon is made of, beside the package's own sources, which functions.cc includes; a change of any makes it anew. */
export const addonSources = (() => {
  const door = source("setup", "door.cc");
  const proper = [source("core", "compile", "functions.cc"), source("nn", "dequantize.cc"), source("nn", "few-rows.cc")];
  return { door, proper, all: [door, ...proper, source("setup", "addon.mjs")] };
})();

/** Runs a program and returns `{ ok, stdout, stderr }`; never throws. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  const stderr = result.error ? String(result.error.message) : (result.stderr ?? "");
  return { ok: result.status === 0, stdout: result.stdout ?? "", stderr };
}

/** The folder of the TensorFlow that `python` would import, found without importing it; `null` where there is none. */
export function tensorflowOf(python) {
  const found = run(python, ["-c", FIND_TENSORFLOW]);
  const origin = found.ok ? found.stdout.trim().split("\n").at(-1) : "";
  if (!origin) return null;
  const folder = dirname(realpathSync(origin));
  return existsSync(join(folder, "libtensorflow_cc.so.2")) ? folder : null;
}

/** The Pythons to look in for a TensorFlow, best first: one named by the user, the machine's, the project's own. */
export function pythons() {
  return [process.env.EQLAB_PYTHON, "python3", "python", venvPython].filter((name, i, all) => name && all.indexOf(name) === i);
}

const compiler = process.env.CXX ?? "g++";

/** Why nothing can be compiled here; `null` where it can. */
export function noCompiler() {
  if (run(compiler, ["--version"]).ok) return null;
  return `no C++ compiler: expected \`${compiler}\` on the PATH; install g++ (Debian/Ubuntu: apt-get install g++) or name one in CXX`;
}

/** Compiles the addon against the TensorFlow in `tensorflow`; returns `{ ok, reason }`. About 10 seconds. */
export function buildAddon(tensorflow) {
  const missing = noCompiler();
  if (missing) return { ok: false, reason: missing };
  const target = addonFile();
  mkdirSync(dirname(target), { recursive: true });
  const common = [
    "-O3",
    "-ffp-contract=fast",
    "-Wno-psabi",
    "-fPIC",
    "-shared",
    "-std=c++17",
    "-DNAPI_VERSION=8",
    "-DNODE_GYP_MODULE_NAME=tfjs_binding",
    "-DBUILDING_NODE_EXTENSION",
    `-I${join(addonPackage(), "..", "..", "node-api-headers", "include")}`,
  ];
  // Linked by real path: a GPU TensorFlow finds its CUDA libraries relative to its own place.
  const proper = [
    `-I${join(tensorflow, "include")}`,
    "-I.",
    "-Ibinding",
    ...addonSources.proper,
    `-L${tensorflow}`,
    `-Wl,-rpath,${tensorflow}`,
    "-l:libtensorflow_cc.so.2",
    "-l:libtensorflow_framework.so.2",
  ];
  for (const [file, args] of [
    [`${target}.so`, proper],
    [target, [addonSources.door, "-ldl"]],
  ]) {
    const fresh = `${file}.${process.pid}.new`;
    const built = run(compiler, [...common, ...args, "-o", fresh], { cwd: addonPackage() });
    if (!built.ok)
      return {
        ok: false,
        reason: `the addon did not compile against ${tensorflow}: ${built.stderr.split("\n").find((line) => line.includes("error")) ?? built.stderr.slice(0, 400)}`,
      };
    renameSync(fresh, file);
  }
  return { ok: true, reason: "" };
}

/** Loads the addon in a process of its own and multiplies two matrices; returns `{ ok, reason }`. */
export function tryAddon() {
  if (!existsSync(addonFile())) return { ok: false, reason: "the addon has not been built" };
  const script = `
    const u = require("node:util"); u.isNullOrUndefined ??= (v) => v == null; u.isArray ??= Array.isArray;
    const tf = require(${JSON.stringify(addonPackage())});
    const c = tf.matMul(tf.ones([4, 4]), tf.ones([4, 4])).dataSync();
    if (c[0] !== 4) throw new Error("a matrix product came out as " + c[0]);`;
  const tried = run(process.execPath, ["-e", script], { cwd: root, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "2" } });
  if (tried.ok) return { ok: true, reason: "" };
  const line = tried.stderr.split("\n").find((text) => /error|cannot|undefined/i.test(text));
  return { ok: false, reason: `the addon does not load: ${line ?? tried.stderr.slice(0, 300)}` };
}
