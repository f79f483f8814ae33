// Kaggle's metadata files and their rules, as its CLI's documentation states them (kernels_metadata.md, datasets_metadata.md).
import { ACCELERATORS } from "./stages.mjs";

/** The address that Kaggle makes of a title. */
export const slugOf = (title) =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

const yesNo = (value) => (value ? "true" : "false");

/** kernel-metadata.json of one stage. `datasets`, `kernels`: what is attached, as `user/slug`. */
export function kernelMetadata(stage, { user, codeFile, accelerator, internet, datasets, kernels }) {
  const shape = stage.gpu ? ACCELERATORS[accelerator] : null;
  return {
    id: `${user}/${slugOf(stage.title)}`,
    title: stage.title,
    code_file: codeFile,
    language: "python",
    kernel_type: "notebook",
    is_private: "true",
    enable_gpu: yesNo(shape),
    enable_tpu: "false",
    enable_internet: yesNo(internet),
    ...(shape && { machine_shape: shape }),
    dataset_sources: datasets,
    competition_sources: [],
    kernel_sources: kernels,
    model_sources: [],
  };
}

/** dataset-metadata.json. */
export function datasetMetadata({ user, title, slug, subtitle, description }) {
  return { title, id: `${user}/${slug}`, subtitle, description, licenses: [{ name: "other" }], keywords: [] };
}

const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9_-]*\/[a-z0-9][a-z0-9-]*$/;
const within = (text, least, most) => typeof text === "string" && text.length >= least && text.length <= most;
const quote = (value) => JSON.stringify(value);

/** What is wrong with a kernel-metadata.json, a sentence each; empty where nothing is. */
export function checkKernelMetadata(metadata) {
  const faults = [];
  const expect = (fine, name, what) => fine || faults.push(`${name}: expected ${what}, got ${quote(metadata[name])}`);
  expect(REFERENCE.test(metadata.id ?? ""), "id", "user/slug");
  expect(within(metadata.title, 5, 50), "title", "5 to 50 characters");
  if (faults.length === 0) {
    const slug = metadata.id.split("/")[1];
    expect(slugOf(metadata.title) === slug, "title", `one that becomes ${quote(slug)}, the id's slug`);
  }
  expect(/^[^/]+\.ipynb$/.test(metadata.code_file ?? ""), "code_file", "a notebook in the same folder");
  expect(metadata.language === "python", "language", `"python": Kaggle runs only Python and R`);
  expect(metadata.kernel_type === "notebook", "kernel_type", `"notebook"`);
  for (const name of ["is_private", "enable_gpu", "enable_internet"])
    expect(["true", "false"].includes(String(metadata[name])), name, `"true" or "false"`);
  expect(String(metadata.is_private) === "true", "is_private", `"true": dialogues about feelings are not published by a script`);
  if (metadata.machine_shape !== undefined) {
    expect(Object.values(ACCELERATORS).includes(metadata.machine_shape), "machine_shape", `one of ${known.join(", ")}`);
    expect(String(metadata.enable_gpu) === "true", "enable_gpu", `"true" with a machine_shape`);
  }
  for (const name of ["dataset_sources", "kernel_sources"]) {
    const list = metadata[name];
    expect(Array.isArray(list) && list.every((one) => REFERENCE.test(one)), name, "a list of user/slug");
    if (Array.isArray(list)) expect(new Set(list).size === list.length, name, "each only once");
  }
  if (Array.isArray(metadata.kernel_sources)) expect(!metadata.kernel_sources.includes(metadata.id), "kernel_sources", "other notebooks");
  return faults;
}

const known = Object.values(ACCELERATORS).filter((shape) => shape !== null);

/** What is wrong with a dataset-metadata.json, a sentence each. */
export function checkDatasetMetadata(metadata) {
  const faults = [];
  const expect = (fine, name, what) => fine || faults.push(`${name}: expected ${what}, got ${quote(metadata[name])}`);
  expect(REFERENCE.test(metadata.id ?? ""), "id", "user/slug");
  expect(within(metadata.id?.split("/")[1], 3, 50), "id", "a slug of 3 to 50 characters");
  expect(within(metadata.title, 6, 50), "title", "6 to 50 characters");
  if (metadata.subtitle !== undefined) expect(within(metadata.subtitle, 20, 80), "subtitle", "20 to 80 characters");
  const { licenses } = metadata;
  expect(Array.isArray(licenses) && licenses.length === 1 && typeof licenses[0]?.name === "string", "licenses", "exactly one, with a name");
  return faults;
}
