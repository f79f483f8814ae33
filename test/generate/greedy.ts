import { expect, it } from "vitest";
import { generateAll } from "../../src/generate/generate.js";
import { disposeModel } from "../../src/models/create.js";
import { formulaModel, reference } from "../formula.js";

type Text = {
  name: string;
  config: Record<string, unknown>;
  eos: number | null;
  penalty: number;
  results: { ids: number[]; logProb: number }[];
};
const { rows, texts } = reference<{ rows: number[][]; texts: Text[] }>("generation.json");

/** Tests that every stored text of transformers comes out token for token, on whichever engine runs. */
export function itEqualsTransformers(): void {
  it("has 20 lists of 4 texts of transformers", () => {
    expect(texts).toHaveLength(20);
    expect(texts.every(({ results }) => results.length === 4)).toBe(true);
  });

  it.each(texts)("gives transformers' ids for $name with penalty $penalty and EOS $eos", async ({ config, eos, penalty, results }) => {
    const model = await formulaModel(config);
    const eosIds = eos === null ? [] : [eos];
    const generations = await generateAll(model, rows, { maxNewTokens: 30, repetitionPenalty: penalty, eosIds, logProbs: true });
    expect(generations.map(({ ids }) => ids)).toEqual(results.map(({ ids }) => ids));
    for (const [i, { ids, logProb, stop }] of generations.entries()) {
      expect(Math.abs(logProb! - results[i]!.logProb)).toBeLessThan(1e-3);
      expect(stop).toBe(ids.at(-1) === eos ? "eos" : "length");
    }
    disposeModel(model);
  });
}
