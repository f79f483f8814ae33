import { expected, NotFoundError } from "../core/errors.js";
import type { HubOptions } from "../files/hub.js";
import { type FileSource, openSource } from "../files/source.js";
import { SPLITS, type Split } from "./record.js";

/** A folder, a Hub id, or an open source. */
export type DataPlace = string | FileSource;

/** What a loader read, and what it did on the way, by name: turns merged, labels renamed, rows left out. */
export type Loaded<T> = { records: T[]; counts: Record<string, number> };

/** Files of each split, by the names that data sets use (`valid`, `validation` and `dev` are one). A split that is absent is empty. */
export type SplitFiles = Record<Split, string[]>;

export async function openPlace(place: DataPlace, options?: HubOptions): Promise<FileSource> {
  return typeof place === "string" ? openSource(place, "dataset", options) : place;
}

/**
 * Finds `train*`, `valid|validation|dev*` and `test*` files in the source's root, its `data` folder, the named folders (also of a parent
 * such as one that holds all data sets), and theirs; the first place that has any. Where a split is there in several formats, one is read.
 * @throws NotFoundError that lists what is there.
 */
export async function findSplits(source: FileSource, folders: readonly string[]): Promise<SplitFiles> {
  const paths = await source.list();
  const places = ["", ...folders].flatMap((folder) => (folder ? [`${folder}/`, `${folder}/data/`] : ["", "data/"]));
  for (const place of places) {
    const found = { train: [], validation: [], test: [] } as SplitFiles;
    for (const path of paths) {
      const name = path.toLowerCase().startsWith(place.toLowerCase()) ? path.slice(place.length) : "/";
      const split = name.includes("/") ? undefined : splitOf(name);
      if (split) found[split].push(path);
    }
    if (SPLITS.some((split) => found[split].length > 0)) {
      return { train: oneFormat(found.train), validation: oneFormat(found.validation), test: oneFormat(found.test) };
    }
  }
  const what = `files named train.*, valid.* or test.* here or in ${folders.map((folder) => `${folder}/`).join(", ")}`;
  throw new NotFoundError(expected(source.name, what, paths.slice(0, 8), "Give the folder of the data set, or its id on the Hub"));
}

const FORMATS = ["parquet", "jsonl", "json", "csv", "tsv", "txt"];
const NAME = /^(train|training|valid|validation|val|dev|test)(?:[-_.]\d[^/]*)?\.(parquet|jsonl|json|csv|tsv|txt)(?:\.gz)?$/i;

function splitOf(name: string): Split | undefined {
  const word = NAME.exec(name)?.[1]?.toLowerCase();
  if (!word) return undefined;
  return word.startsWith("train") ? "train" : word === "test" ? "test" : "validation";
}

function oneFormat(paths: string[]): string[] {
  const format = FORMATS.find((name) => paths.some((path) => formatOf(path) === name));
  const chosen = paths.filter((path) => formatOf(path) === format).sort();
  // The same file packed and unpacked is one file.
  return chosen.filter((path) => !path.endsWith(".gz") || !chosen.includes(path.slice(0, -3)));
}

const formatOf = (path: string): string => path.toLowerCase().replace(/\.gz$/, "").split(".").at(-1)!;
