import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tf } from "../../src/core/tf.js";
import { disposeModel } from "../../src/models/create.js";
import { disposeAdapter, withoutAdapter } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import type { EncodedPreference } from "../../src/train/pair-rows.js";
import { type ReferenceOptions, referenceHash, referenceLogProbs } from "../../src/train/reference-log-probs.js";
import type { ReplyLogProbs } from "../../src/train/reply-log-probs.js";
import { distance, formulaIds, formulaLora, formulaModel, leaked, tinyGpt2, tinyLlama } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

const LENGTHS = [
  [6, 3, 4],
  [9, 5, 1],
  [2, 2, 7],
  [4, 6, 6],
] as const;
const pairs: EncodedPreference[] = LENGTHS.map(([prompt, ...replies], i) => {
  const [chosen, rejected] = replies.map((length, side) => {
    const ids = [...formulaIds(`prompt ${i}`, prompt, 61), ...formulaIds(`reply ${i}/${side}`, length, 61)];
    return { ids, targets: ids.map((_, at) => at >= prompt) };
  });
  return { chosen: chosen!, rejected: rejected!, cut: 0 };
});

/** The numbers of pairs reported after each batch, and the values. */
async function watched(model: CausalLM, chosen: readonly EncodedPreference[], options: ReferenceOptions) {
  const done: number[] = [];
  const onProgress = (progress: { done: number }) => {
    done.push(progress.done);
    options.onProgress?.({ ...progress, total: chosen.length });
  };
  return { values: await referenceLogProbs(model, chosen, { ...options, onProgress }), done };
}

const near = (a: ReplyLogProbs, b: ReplyLogProbs): void => {
  for (const side of ["chosen", "rejected"] as const) expect(distance(a[side], b[side])).toBeLessThan(1e-4);
};

describe("the reference's log-probabilities", () => {
  it("are the same for every batch size, with shared prompts and without, and add up token by token", async () => {
    const model = await formulaModel(tinyLlama);
    const one = await referenceLogProbs(model, pairs, { batch: 1, shared: false });
    for (const shared of [true, false]) {
      for (const batch of [1, 2, 3, 4, 9]) near(await referenceLogProbs(model, pairs, { batch, shared }), one);
    }
    expect(one.chosen.every((value) => value < 0)).toBe(true);
    await expect(referenceLogProbs(model, pairs, { batch: 0 })).rejects.toThrow("batch: expected a whole number");
    disposeModel(model);
  });

  it("are computed in rows that are filled from all pairs, the longest first", async () => {
    const model = await formulaModel({ ...tinyGpt2, n_positions: 512 });
    const long: EncodedPreference = {
      chosen: { ids: new Array<number>(510).fill(1), targets: new Array<boolean>(510).fill(false).with(-1, true) },
      rejected: { ids: new Array<number>(510).fill(1), targets: new Array<boolean>(510).fill(false).with(-1, true) },
      cut: 0,
    };
    const chosen = [...pairs, long];
    expect((await watched(model, chosen, {})).done).toEqual([1, 5]);
    expect((await watched(model, chosen, { batch: 2 })).done).toEqual([1, 3, 5]);
    expect((await watched(model, chosen, { batch: 2, shared: false })).done).toEqual([2, 4, 5]);
    disposeModel(model);
  });

  it("are read from the folder by a second run, and made anew for another model, adapter or pair, or where the file is spoilt", async () => {
    const cacheFolder = temporaryFolder();
    const base = await formulaModel(tinyLlama);
    const [policy, held] = [formulaLora(base, { rank: 4, alpha: 8 }), formulaLora(base, { rank: 4, alpha: 9 })];
    const other = await formulaModel({ ...tinyLlama, rms_norm_eps: 1e-3 });
    const first = await watched(policy, pairs, { cacheFolder });
    const second = await watched(policy, pairs, { cacheFolder, batch: 1, shared: false });
    expect([first.done, second.done]).toEqual([[4], []]);
    expect(second.values).toEqual(first.values);
    const longer: EncodedPreference = { ...pairs[0]!, chosen: { ...pairs[0]!.chosen, targets: pairs[0]!.chosen.targets.with(-1, false) } };
    for (const [model, chosen] of [
      [other, pairs],
      [held, pairs],
      [withoutAdapter(policy), pairs],
      [policy, [longer, ...pairs.slice(1)]],
      [policy, pairs.slice(1)],
    ] as const) {
      expect((await watched(model, chosen, { cacheFolder })).done.at(-1)).toBe(chosen.length);
      expect((await watched(model, chosen, { cacheFolder })).done).toEqual([]);
    }
    expect(readdirSync(cacheFolder)).toHaveLength(6);
    const file = join(cacheFolder, `reference-${await referenceHash(policy, pairs)}.json`);
    for (const text of ["{", '{"chosen":[1],"rejected":[2]}', '{"chosen":[1,2,3,null],"rejected":[1,2,3,4]}', "null"]) {
      writeFileSync(file, text);
      expect((await watched(policy, pairs, { cacheFolder })).values).toEqual(first.values);
    }
    for (const model of [policy, other]) disposeModel(model);
    disposeAdapter(held.adapter!);
  });

  it("are refused where they are not finite, and leave nothing behind", async () => {
    const model = await formulaModel(tinyGpt2);
    expect(await leaked(() => referenceLogProbs(model, pairs))).toBe(0);
    const name = "transformer.ln_f.weight";
    const broken = { ...model, weights: new Map(model.weights).set(name, tf.fill([32], Number.NaN)) };
    const lost = await leaked(() =>
      expect(referenceLogProbs(broken, pairs)).rejects.toThrow('reference, pair 0: expected finite log-probabilities, got "NaN"'),
    );
    expect(lost).toBe(0);
    broken.weights.get(name)!.dispose();
    disposeModel(model);
  });
});

describe("a run that was stopped", () => {
  afterEach(() => vi.restoreAllMocks());

  it("is gone on with where it was, bit for bit", async () => {
    const cacheFolder = temporaryFolder();
    const model = await formulaModel(tinyGpt2);
    const whole = await referenceLogProbs(model, pairs, { batch: 1 });
    const stop = ({ done }: { done: number }) => {
      if (done === 2) throw new Error("stopped");
    };
    await expect(watched(model, pairs, { cacheFolder, batch: 1, onProgress: stop })).rejects.toThrow("stopped");
    expect(readdirSync(cacheFolder)).toHaveLength(1);
    const rest = await watched(model, pairs, { cacheFolder, batch: 1 });
    expect(rest.done).toEqual([3, 4]);
    expect(rest.values).toEqual(whole);
    expect(readdirSync(cacheFolder)).toEqual([`reference-${await referenceHash(model, pairs)}.json`]);
    expect((await watched(model, pairs, { cacheFolder })).values).toEqual(whole);
    disposeModel(model);
  });

  it("has written every few seconds what a kill would lose", async () => {
    const cacheFolder = temporaryFolder();
    const model = await formulaModel(tinyGpt2);
    let clock = 0;
    vi.spyOn(performance, "now").mockImplementation(() => {
      clock += 2000;
      return clock;
    });
    const partial = join(cacheFolder, `reference-${await referenceHash(model, pairs)}.partial.json`);
    const known: number[] = [];
    const onProgress = () => {
      const { chosen } = existsSync(partial) ? JSON.parse(readFileSync(partial, "utf8")) : { chosen: [] };
      known.push(chosen.filter((value: unknown) => value !== null).length);
    };
    await referenceLogProbs(model, pairs, { cacheFolder, batch: 1, onProgress });
    expect(known).toEqual([0, 0, 0, 3]);
    disposeModel(model);
  });
});
