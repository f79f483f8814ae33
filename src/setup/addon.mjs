// The one place where the native addon is built: the tfjs package's own sources and what this library adds to them, linked against the TensorFlow of a Python package.
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { addonFile, addonPackage, root, venvPython } from "./paths.mjs";

const FIND_TENSORFLOW = "import importlib.util as u; s=u.find_spec('tensorflow'); print(s.origin if s and s.origin else '')";

const source = (...path) => join(root, "src", ...path);

/** What the addon is made of, beside the package's own sources, which functions.cc includes; a change of any makes it anew. */
export const addonSources = (() => {
  const door = source("setup", "door.cc");
  const own = readdirSync(source("nn")).sort();
  const ending = (end) => own.filter((file) => file.endsWith(end)).map((file) => source("nn", file));
  const proper = [source("core", "compile", "functions.cc"), ...ending(".cc")];
  return { door, proper, all: [door, ...proper, ...ending(".h"), source("setup", "addon.mjs")] };
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

/** Compiles the addon against the TensorFlow in `tensorflow`, one file on each core; returns `{ ok, reason }`. Half a minute on two cores. */
export async function buildAddon(tensorflow) {
  const missing = noCompiler();
  if (missing) return { ok: false, reason: missing };
  const target = addonFile();
  mkdirSync(dirname(target), { recursive: true });
  const work = mkdtempSync(join(dirname(target), "build-"));
  // Linked by real path: a GPU TensorFlow finds its CUDA libraries relative to its own place.
  const libraries = [`-L${tensorflow}`, `-Wl,-rpath,${tensorflow}`, "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"];
  try {
    const objects = await objectsOf(addonSources.proper, [...FLAGS, `-I${join(tensorflow, "include")}`, "-I.", "-Ibinding"], work);
    const [door] = await objectsOf([addonSources.door], FLAGS, work);
    for (const [file, args] of [
      [`${target}.so`, [...objects, ...libraries]],
      [target, [door, "-ldl"]],
    ]) {
      const fresh = join(work, basename(file));
      await compile(["-shared", ...args, "-o", fresh]);
      renameSync(fresh, file);
    }
    return { ok: true, reason: "" };
  } catch (error) {
    const said = String(error.stderr || error.message);
    const line = said.split("\n").find((text) => text.includes("error")) ?? said.slice(0, 400);
    return { ok: false, reason: `the addon did not compile against ${tensorflow}: ${line}` };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const FLAGS = [
  "-O3",
  "-ffp-contract=fast",
  "-Wno-psabi",
  "-fPIC",
  "-std=c++17",
  "-DNAPI_VERSION=8",
  "-DNODE_GYP_MODULE_NAME=tfjs_binding",
  "-DBUILDING_NODE_EXTENSION",
  `-I${join(addonPackage(), "..", "..", "node-api-headers", "include")}`,
];

/** Compiles files, as many at a time as there are cores, and returns the object files. */
async function objectsOf(sources, flags, folder) {
  const objects = sources.map((file) => join(folder, `${basename(file)}.o`));
  const waiting = [...sources.keys()];
  const work = async () => {
    for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) await compile([...flags, "-c", sources[i], "-o", objects[i]]);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return objects;
}

const compile = (args) => promisify(execFile)(compiler, args, { cwd: addonPackage(), maxBuffer: 1 << 28 });

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
