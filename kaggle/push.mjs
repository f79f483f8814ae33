#!/usr/bin/env node
// Pushes to Kaggle what make.mjs and pack.mjs built, after everything that can be checked here has been checked.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { BUILD } from "./make.mjs";
import { checkDatasetMetadata, checkKernelMetadata } from "./metadata.mjs";
import { CARRIED, PACK } from "./stages.mjs";
import { checkNotebook } from "./wrap.mjs";

const HELP = `node kaggle/push.mjs FOLDER... [--dry-run] [--message TEXT]

  FOLDER      below kaggle/build or a path: eqlab-01-sft, ... (notebooks), ${PACK.slug}, ${CARRIED.slug} (data sets)
  --dry-run   check everything, print the commands, call nothing
  --message   what is new in this version of a data set (default "update")

A data set is created the first time, then gets a new version. Push ${PACK.slug} first, then the notebooks in their order, each when the
one before has run: a notebook's output can be attached only once it is there.`;

const json = (path) => JSON.parse(readFileSync(path, "utf8"));

/** What a folder is and what is wrong with it: `{ kind: "notebook" | "dataset", faults }`. */
export function checkFolder(folder) {
  const faults = [];
  const read = (name) => {
    try {
      return json(join(folder, name));
    } catch (error) {
      faults.push(`${name}: expected JSON, got a file that does not parse: ${error.message}`);
    }
  };
  if (existsSync(join(folder, "kernel-metadata.json"))) {
    const metadata = read("kernel-metadata.json");
    if (metadata) {
      faults.push(...checkKernelMetadata(metadata));
      const code = join(folder, metadata.code_file ?? "");
      if (existsSync(code) && statSync(code).isFile()) faults.push(...checkNotebook(readFileSync(code, "utf8")));
      else faults.push(`code_file: expected ${metadata.code_file} in ${folder}, it is not there`);
    }
    return { kind: "notebook", metadata, faults };
  }
  if (existsSync(join(folder, "dataset-metadata.json"))) {
    const metadata = read("dataset-metadata.json");
    if (metadata) faults.push(...checkDatasetMetadata(metadata));
    const content = readdirSync(folder).filter((name) => name !== "dataset-metadata.json");
    if (content.length === 0) faults.push(`${folder}: expected files beside dataset-metadata.json, got none`);
    if (content.includes("eqlab-pack.json")) faults.push(...checkPack(folder, read("eqlab-pack.json")));
    const bytes = sizeOf(folder);
    if (bytes > LARGEST_DATASET) faults.push(`${folder}: expected at most ${LARGEST_DATASET} bytes, got ${bytes}`);
    return { kind: "dataset", metadata, faults };
  }
  return {
    kind: "nothing",
    faults: [`${folder}: expected kernel-metadata.json or dataset-metadata.json, got neither. Run kaggle/make.mjs or kaggle/pack.mjs`],
  };
}

/** Ours are some hundred MB; more than this is a folder given by mistake. */
const LARGEST_DATASET = 20e9;

function checkPack(folder, content) {
  return Object.values(content?.files ?? {}).flatMap(({ file, sha256 }) => {
    if (!existsSync(join(folder, file))) return [`${file}: expected it beside eqlab-pack.json, it is not there`];
    const sum = createHash("sha256")
      .update(readFileSync(join(folder, file)))
      .digest("hex");
    return sum === sha256 ? [] : [`${file}: expected sha256 ${sha256}, got ${sum}. Build the pack again`];
  });
}

function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** What Kaggle's CLI lacks here, a sentence each: the program, and a way for it to say who you are. Values are never read. */
export function checkClient(env, run = spawnSync) {
  const faults = [];
  const version = run("kaggle", ["--version"], { encoding: "utf8", env });
  if (version.status !== 0) faults.push("Kaggle's CLI: expected the program kaggle on the PATH. Install it: pip install kaggle");
  const folder = env.KAGGLE_CONFIG_DIR ?? join(env.HOME ?? homedir(), ".kaggle");
  const known =
    env.KAGGLE_API_TOKEN ||
    (env.KAGGLE_USERNAME && env.KAGGLE_KEY) ||
    ["kaggle.json", "access_token"].some((name) => existsSync(join(folder, name)));
  if (!known) faults.push(`credentials: expected an API token in ${folder} or the environment. Make one on kaggle.com/settings, under API`);
  return faults;
}

/** The command for one checked folder. `exists`: whether the data set is on Kaggle already. */
export function commandFor(folder, kind, { exists, message = "update" }) {
  if (kind === "notebook") return ["kaggle", "kernels", "push", "-p", folder];
  const shared = ["-p", folder, "--dir-mode", "tar"];
  return exists ? ["kaggle", "datasets", "version", ...shared, "-m", message] : ["kaggle", "datasets", "create", ...shared];
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { "dry-run": { type: "boolean" }, message: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) return console.log(HELP);
  if (positionals.length === 0) throw new RangeError(`expected at least one folder\n\n${HELP}`);
  const folders = positionals.map((name) => (existsSync(name) ? resolve(name) : join(BUILD, name)));
  const checked = folders.map((folder) => ({ folder, ...checkFolder(folder) }));
  const faults = [...checked.flatMap(({ folder, faults }) => faults.map((fault) => `${folder}: ${fault}`)), ...checkClient(process.env)];
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) throw new Error(`nothing was pushed: ${faults.length} thing${faults.length > 1 ? "s" : ""} to mend`);
  for (const { folder, kind, metadata } of checked) {
    const exists = kind === "dataset" && !values["dry-run"] && spawnSync("kaggle", ["datasets", "status", metadata.id]).status === 0;
    const command = commandFor(folder, kind, { exists, ...(values.message && { message: values.message }) });
    console.log(`${values["dry-run"] ? "would run: " : ""}${command.join(" ")}`);
    if (values["dry-run"]) continue;
    if (spawnSync(command[0], command.slice(1), { stdio: "inherit" }).status !== 0)
      throw new Error(`${command.join(" ")} failed; what it said is above`);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  try {
    main();
  } catch (error) {
    console.error(`kaggle/push: ${error.message}`);
    process.exitCode = 1;
  }
}
