// All the set-up there is: packages, native engine, build, kernelspec. Each step looks first and does only what is missing.
// It writes only inside the project folder. `--quiet` prints only what it does, not what is already there.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addonFile, root, stateFile, venv, venvPython } from "./paths.mjs";

const quiet = process.argv.includes("--quiet");
const state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, "utf8")) : {};
const started = Date.now();
const say = (text) => console.log(`[set-up ${((Date.now() - started) / 1000).toFixed(0).padStart(3)} s] ${text}`);
const digest = (...files) =>
  files
    .reduce((hash, file) => hash.update(readFileSync(file)), createHash("sha256"))
    .digest("hex")
    .slice(0, 16);

function remember(changes) {
  Object.assign(state, changes);
  mkdirSync(join(root, ".eqlab"), { recursive: true });
  writeFileSync(`${stateFile}.new`, JSON.stringify(state, null, 2));
  renameSync(`${stateFile}.new`, stateFile);
}

/** Runs a long command with a sign of life every ten seconds; rejects with the end of its output. */
function long(label, command, args, options = {}) {
  say(`${label} ...`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-4000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const alive = setInterval(() => say(`${label}: still at it`), 10_000);
    child.on("error", (error) => {
      clearInterval(alive);
      reject(new Error(`${label} could not start: ${error.message}`));
    });
    child.on("close", (code) => {
      clearInterval(alive);
      code === 0 ? resolve() : reject(new Error(`${label} failed (exit ${code}):\n${output.trim()}`));
    });
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  throw new Error(
    `Node: expected 20.19+, 22.12+ or newer, got ${process.versions.node}. Install a current Node and run the command again.`,
  );
}

async function packages() {
  const lock = join(root, "package-lock.json");
  const wanted = digest(join(root, "package.json"), ...(existsSync(lock) ? [lock] : []));
  if (state.packages === wanted && existsSync(join(root, "node_modules", "vitest"))) return;
  const npm = (command) =>
    long(`npm ${command}`, "npm", [command, "--ignore-scripts", "--no-audit", "--no-fund"], { shell: process.platform === "win32" });
  const fresh = !existsSync(join(root, "node_modules", ".package-lock.json"));
  // `ci` wants every platform's optional packages in the lockfile; a registry that lacks some of them leaves it incomplete.
  const clean =
    fresh &&
    existsSync(lock) &&
    (await npm("ci").then(
      () => true,
      () => false,
    ));
  if (!clean) await npm("install");
  remember({ packages: digest(join(root, "package.json"), ...(existsSync(lock) ? [lock] : [])), engine: undefined });
}

/** The project is its own package: notebooks import it as `eqlab` whatever resolves modules. */
function selfLink() {
  const link = join(root, "node_modules", "eqlab");
  if (!existsSync(link)) {
    rmSync(link, { force: true });
    symlinkSync(root, link, "junction");
  }
}

async function python() {
  const { run } = await import("./addon.mjs");
  if (existsSync(venvPython) && run(venvPython, ["-c", "import pip"]).ok) return null;
  const system = process.env.EQLAB_PYTHON ?? "python3";
  const version = run(system, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
  if (!version.ok)
    return `no Python: expected \`${system}\` 3.10 or newer on the PATH; install it (Debian/Ubuntu: apt-get install python3 python3-venv) or name one in EQLAB_PYTHON`;
  const [major, minor] = version.stdout.trim().split(".").map(Number);
  if (major < 3 || minor < 10) return `Python: expected 3.10 or newer, got ${version.stdout.trim()}`;
  const made = run(system, ["-m", "venv", venv]);
  return made.ok
    ? null
    : `a virtual environment could not be made in .venv (${(made.stderr + made.stdout).trim().split("\n").at(-1)}); Debian/Ubuntu: apt-get install python3-venv`;
}

async function engine(noPython) {
  const { addonSources, buildAddon, noCompiler, pythons, tensorflowOf, tryAddon } = await import("./addon.mjs");
  const addon = digest(...addonSources.all);
  const current = state.engine === "tensorflow" && state.addon === addon && existsSync(addonFile());
  if (current && existsSync(state.tensorflow ?? "")) return;
  const reasons = [];
  const settle = (tensorflow) => {
    remember({ engine: "tensorflow", tensorflow, addon, engineReason: "" });
    say(`native engine ready (TensorFlow in ${tensorflow})`);
  };
  if (state.addon === addon && state.tensorflow && existsSync(state.tensorflow) && tryAddon().ok) return settle(state.tensorflow);
  const attempt = async (folder) => {
    say(`compiling the native engine against ${folder}`);
    const built = await buildAddon(folder);
    const loaded = built.ok ? tryAddon() : built;
    if (loaded.ok) settle(folder);
    else reasons.push(loaded.reason);
    return loaded.ok;
  };
  const missing = noCompiler();
  if (missing) reasons.push(missing); // then a TensorFlow is of no use
  const used = existsSync(join(state.tensorflow ?? "", "libtensorflow_cc.so.2")) ? [state.tensorflow] : [];
  const folders = missing ? [] : [...used, ...pythons().map(tensorflowOf)];
  for (const folder of new Set(folders)) if (folder && (await attempt(folder))) return;
  if (noPython) reasons.push(noPython);
  else if (!missing && !tensorflowOf(venvPython)) {
    try {
      const spec = process.env.EQLAB_TENSORFLOW ?? "tensorflow-cpu==2.21.0";
      // Only its libraries and headers are used, so none of its Python dependencies are wanted.
      await long(`${spec} into .venv`, venvPython, ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", spec]);
      const folder = tensorflowOf(venvPython);
      if (folder && (await attempt(folder))) return;
      if (!folder) reasons.push(`${spec} was installed but carries no libtensorflow_cc.so.2`);
    } catch (error) {
      reasons.push(error.message);
    }
  }
  remember({ engine: "wasm", tensorflow: null, engineReason: reasons.join("; ") || "no TensorFlow was found" });
  say(`NO NATIVE ENGINE: ${state.engineReason}\n  The WASM engine will be used: the same results, 10 to 30 times slower.`);
}

/** Both TypeScript kernels in the project's own Jupyter prefix, started with this very Node. */
async function kernelspecs() {
  const command = [join(root, "dist", "cli", "main.js"), "kernel", "install", "--prefix", venv];
  const installed = spawnSync(process.execPath, command, { cwd: root, encoding: "utf8" });
  if (installed.status !== 0) throw new Error(`the kernel could not be registered in .venv: ${installed.stderr.trim()}`);
  const folder = join(venv, "share", "jupyter", "kernels", "tslab");
  mkdirSync(folder, { recursive: true });
  const spec = {
    argv: [process.execPath, join(root, "kernels", "tslab", "launch.cjs"), "kernel", "--config-path", "{connection_file}"],
    display_name: "TypeScript (tslab)",
    language: "typescript",
  };
  writeFileSync(join(folder, "kernel.json"), JSON.stringify(spec, null, 2));
}

function newest(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|json)$/.test(entry.name) && !entry.parentPath.includes("world"))
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}

async function build() {
  const stamp = join(root, "dist", ".built");
  const latest = Math.max(newest(join(root, "src")), statSync(join(root, "tsconfig.json")).mtimeMs);
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= latest) return;
  await long("compiling TypeScript", process.execPath, [
    join(root, "node_modules", "typescript", "bin", "tsc"),
    "-p",
    "tsconfig.build.json",
  ]);
  writeFileSync(stamp, "");
}

try {
  checkNode();
  await packages();
  selfLink();
  const noPython = await python();
  await engine(noPython);
  await build();
  await kernelspecs();
  if (!quiet) say(`ready: ${state.engine} engine`);
} catch (error) {
  console.error(`set-up failed: ${error.message}`);
  process.exitCode = 1;
}
