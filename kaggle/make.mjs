#!/usr/bin/env node
// Makes what is pushed to Kaggle: kaggle/build/<slug>/ for each notebook, and the folder that carries adapters and heads from stage to stage.
// The folder is made anew each time and is not in git: the notebooks are the source.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { checkDatasetMetadata, checkKernelMetadata, datasetMetadata, kernelMetadata, slugOf } from "./metadata.mjs";
import { ACCELERATORS, CARRIED, PACK, STAGES } from "./stages.mjs";
import { checkNotebook, wrap } from "./wrap.mjs";

const here = dirname(fileURLToPath(import.meta.url));
export const BUILD = join(here, "build");

const HELP = `node kaggle/make.mjs --user NAME [options]

  --user NAME           your name on Kaggle, as in kaggle.com/NAME
  --accelerator KIND    ${Object.keys(ACCELERATORS).join(", ")} (default t4)
  --internet            switch the notebooks' internet on; the pack makes it needless
  --data USER/SLUG      a data set with the real data (esconv, goemotions, empathetic_dialogues, eq_bench); may be given again
  --carry kernels|dataset   earlier stages' adapters and heads come from their notebooks' outputs (default), or from the data set ${CARRIED.slug}
  --secret NAME         a Kaggle secret that cells get as an environment variable; may be given again
  --out DIR             default kaggle/build
  --kaggle DIR          Kaggle's folder (default /kaggle; for tests)`;

/**
 * Writes all folders and returns `[{ name, folder, faults }]`; a folder with faults is written too, so that they can be looked at.
 * @param {{ user: string, accelerator?: string, internet?: boolean, data?: string[], carry?: string, secrets?: string[], out?: string, kaggle?: string }} options
 *   as on the command line; `out` absolute
 * @throws RangeError for options that make no sense
 */
export function make({ user, accelerator = "t4", internet = false, data = [], carry = "kernels", secrets = [], out = BUILD, kaggle }) {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(user ?? ""))
    throw new RangeError(`--user: expected your name on Kaggle, got ${JSON.stringify(user)}`);
  if (!(accelerator in ACCELERATORS))
    throw new RangeError(`--accelerator: expected ${Object.keys(ACCELERATORS).join(", ")}, got ${JSON.stringify(accelerator)}`);
  if (!["kernels", "dataset"].includes(carry)) throw new RangeError(`--carry: expected kernels or dataset, got ${JSON.stringify(carry)}`);
  const wrong = secrets.find((name) => !/^[A-Za-z_]\w*$/.test(name));
  if (wrong !== undefined) throw new RangeError(`--secret: expected the name of an environment variable, got ${JSON.stringify(wrong)}`);
  const titleOf = (name) => STAGES.find((stage) => stage.name === name).title;
  const made = STAGES.map((stage) => {
    const folder = join(out, slugOf(stage.title));
    const codeFile = `${stage.name}.ipynb`;
    const needs = stage.needs.length > 0;
    const metadata = kernelMetadata(stage, {
      user,
      codeFile,
      accelerator,
      internet,
      datasets: [`${user}/${PACK.slug}`, ...data, ...(needs && carry === "dataset" ? [`${user}/${CARRIED.slug}`] : [])],
      kernels: carry === "kernels" ? stage.needs.map((name) => `${user}/${slugOf(titleOf(name))}`) : [],
    });
    const source = JSON.parse(readFileSync(join(here, "..", "notebooks", codeFile), "utf8"));
    const notebook = `${JSON.stringify(wrap(source, { secrets, ...(kaggle && { kaggle }) }), null, 1)}\n`;
    rmSync(folder, { recursive: true, force: true });
    write(folder, codeFile, notebook);
    write(folder, "kernel-metadata.json", metadata);
    return { name: stage.name, folder, faults: [...checkKernelMetadata(metadata), ...checkNotebook(notebook)] };
  });
  const carried = datasetMetadata({
    user,
    ...CARRIED,
    subtitle: "Adapters and heads that eqlab's notebooks hand on",
    description:
      "sft/ and dpo/ are PEFT adapters, heads/ small classifiers. Research only: trained on dialogues about feelings; not a counsellor.",
  });
  const folder = join(out, CARRIED.slug);
  write(folder, "dataset-metadata.json", carried); // kept: the stages' files are put beside it
  return [...made, { name: CARRIED.slug, folder, faults: checkDatasetMetadata(carried) }];
}

function write(folder, name, content) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`);
}

export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      user: { type: "string" },
      accelerator: { type: "string" },
      internet: { type: "boolean" },
      data: { type: "string", multiple: true },
      carry: { type: "string" },
      secret: { type: "string", multiple: true },
      out: { type: "string" },
      kaggle: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const { secret, out, ...rest } = values;
  return { ...rest, ...(secret && { secrets: secret }), ...(out && { out: resolve(out) }) };
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options.help) console.log(HELP);
    else
      for (const { name, folder, faults } of make(options)) {
        console.log(`${name.padEnd(13)} ${folder}${faults.length ? "" : "  ok"}`);
        for (const fault of faults) console.error(`  ${fault}`);
        if (faults.length) process.exitCode = 1;
      }
  } catch (error) {
    console.error(`kaggle/make: ${error.message}\n\n${HELP}`);
    process.exitCode = 2;
  }
}
