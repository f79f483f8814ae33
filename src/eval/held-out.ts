import { hash32 } from "../core/random.js";
import { type Split, splitByHash } from "../data/record.js";

/** Records to learn from, to choose by and to report; `note` says how they came about. */
export type HeldOut<T> = Record<Split, T[]> & { note: string };

/**
 * Splits records by what they say. Where a split is missing: without test the validation records are halved, without validation a tenth of train is
 * taken, without both train is split 80/10/10, each time by a hash of `key`, so that equal keys stay together.
 * @throws RangeError where a split would be empty.
 */
export function heldOut<T extends { split: Split }>(records: readonly T[], key: (record: T) => string): HeldOut<T> {
  const own = (split: Split) => records.filter((record) => record.split === split);
  const halved = (record: T) => hash32(`held-out/${key(record)}`) % 2 === 0;
  const [train, validation, test] = [own("train"), own("validation"), own("test")];
  let parts: HeldOut<T>;
  if (validation.length > 0 && test.length > 0) parts = { train, validation, test, note: "the data's own splits" };
  else if (validation.length > 0) {
    const note = "the data has no test split: its validation records were halved by hash into validation and test";
    parts = { train, validation: validation.filter(halved), test: validation.filter((record) => !halved(record)), note };
  } else if (test.length > 0) {
    const tenth = (record: T) => splitByHash(key(record)) === "validation";
    const note = "the data has no validation split: a tenth of train was taken by hash";
    parts = { train: train.filter((record) => !tenth(record)), validation: train.filter(tenth), test, note };
  } else {
    const by = (split: Split) => train.filter((record) => splitByHash(key(record)) === split);
    parts = { train: by("train"), validation: by("validation"), test: by("test"), note: "the data has no splits: 80/10/10 by hash" };
  }
  const sizes = `${parts.train.length}, ${parts.validation.length} and ${parts.test.length}`;
  if (parts.train.length === 0 || parts.validation.length === 0 || parts.test.length === 0) {
    throw new RangeError(`held-out data: expected records for train, validation and test, got ${sizes}. Give more records`);
  }
  const learnt = new Set(parts.train.map(key));
  const repeated = parts.test.filter((record) => learnt.has(key(record))).length;
  return {
    ...parts,
    note: repeated > 0 ? `${parts.note}; ${repeated} of ${parts.test.length} test records also stand in train` : parts.note,
  };
}
