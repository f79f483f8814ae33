import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { disposeModel } from "../../src/models/create.js";
import { inputsOf, logitsOf } from "../../src/models/forward.js";
import {
  addLora,
  disposeAdapter,
  frozenCopy,
  type LoraOptions,
  mergeAdapter,
  targetModules,
  trainableCopy,
  trainableParameters,
  unfreeze,
  withoutAdapter,
} from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { distance, formulaLora, formulaModel, leaked, taken, tinyGpt2, tinyLlama } from "../formula.js";

const inputs = inputsOf([
  [1, 5, 9, 2],
  [4, 4, 60, 0],
]);
const logits = (model: CausalLM): Float32Array => taken(logitsOf(model, inputs));

describe.each([tinyGpt2, tinyLlama])("LoRA on $model_type", (config) => {
  let base: CausalLM;
  beforeAll(async () => {
    base = await formulaModel(config);
  });
  afterAll(() => disposeModel(base));

  it.each<LoraOptions>([{ rank: 4 }, { rank: 4, rankStabilised: true, alpha: 3 }])(
    "gives the merged model the adapted model's logits (%j)",
    async (options) => {
      const lost = await leaked(() => {
        const adapted = formulaLora(base, options);
        const merged = mergeAdapter(adapted);
        expect(merged.adapter).toBeNull();
        expect(distance(logits(adapted), logits(base))).toBeGreaterThan(0.1);
        expect(distance(logits(merged), logits(adapted))).toBeLessThan(1e-5);
        disposeAdapter(adapted.adapter!);
        disposeModel(merged);
      });
      expect(lost).toBe(0);
    },
  );

  it("starts equal to the base, with A uniform in ±1/√in, and the same for the same seed", () => {
    const [adapted, again, other] = [addLora(base, { seed: 1 }), addLora(base, { seed: 1 }), addLora(base, { seed: 2 })];
    expect(distance(logits(adapted), logits(base))).toBe(0);
    const first = ({ adapter }: CausalLM): Float32Array => [...adapter!.modules.values()][0]!.a.dataSync() as Float32Array;
    expect(distance(first(again), first(adapted))).toBe(0);
    expect(distance(first(other), first(adapted))).toBeGreaterThan(0.01);
    const bound = 1 / Math.sqrt(32);
    expect(first(adapted).every((value) => Math.abs(value) <= bound)).toBe(true);
    expect(Math.max(...first(adapted))).toBeGreaterThan(0.9 * bound);
    for (const { adapter } of [adapted, again, other]) disposeAdapter(adapter!);
  });

  it("copies an adapter so that neither changes the other", () => {
    const adapted = formulaLora(base, { rank: 2 });
    const [frozen, free] = [frozenCopy(adapted), trainableCopy(adapted)];
    const before = logits(adapted);
    expect([trainableParameters(frozen).size, trainableParameters(free).size]).toEqual([0, trainableParameters(adapted).size]);
    for (const parameter of trainableParameters(adapted).values()) tf.tidy(() => parameter.assign(tf.zerosLike(parameter)));
    expect(distance(logits(adapted), logits(withoutAdapter(adapted)))).toBe(0);
    expect(distance(logits(frozen), before)).toBe(0);
    expect(distance(logits(free), before)).toBe(0);
    for (const { adapter } of [adapted, frozen, free]) disposeAdapter(adapter!);
    expect(() => trainableCopy(base)).toThrow("trainableCopy: expected a model with an adapter");
  });

  it("unfreezes a copy of every weight", () => {
    const free = unfreeze(base);
    expect([...trainableParameters(free).keys()]).toEqual([...base.weights.keys()]);
    expect(trainableParameters(base).size).toBe(0);
    disposeModel(free);
    expect(logits(base).every(Number.isFinite)).toBe(true);
  });

  it("drops inputs in training only", () => {
    const adapted = formulaLora(base, { rank: 2, dropout: 0.5 });
    const without = formulaLora(base, { rank: 2 });
    expect(distance(logits(adapted), logits(without))).toBe(0);
    for (const { adapter } of [adapted, without]) disposeAdapter(adapter!);
  });
});

describe("LoRA targets", () => {
  let base: CausalLM;
  beforeAll(async () => {
    base = await formulaModel(tinyLlama);
  });
  afterAll(() => disposeModel(base));
  const names = (targets: string[] | "all-linear") => targetModules(base, targets).map(({ name }) => name);

  it("are found by the last part of their name, or more of it", () => {
    expect(names(["q_proj"])).toEqual(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"]);
    expect(names(["mlp.up_proj"])).toHaveLength(2);
    expect(names(["model.layers.1.mlp.up_proj"])).toEqual(["model.layers.1.mlp.up_proj"]);
    expect(names("all-linear")).toHaveLength(14);
    expect(targetModules(base, ["k_proj"])[0]).toMatchObject({ in: 32, out: 16 });
  });

  it("are refused where one names nothing, before anything is made", async () => {
    const lost = await leaked(() => {
      expect(() => addLora(base, { targets: ["q_proj", "c_attn"] })).toThrow(
        'LoRA targets: expected "all-linear" or some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, got "c_attn"',
      );
      expect(() => addLora(base, { targets: ["proj"] })).toThrow("LoRA targets");
      expect(() => addLora(base, { targets: [] })).toThrow("got []");
      expect(() => addLora(base, { rank: 0 })).toThrow("LoRA rank: expected a whole number, at least 1, got 0");
      expect(() => addLora(base, { dropout: 1 })).toThrow("LoRA dropout: expected a number from 0 to 0.999, got 1");
      expect(() => addLora(base, { alpha: Number.NaN })).toThrow("LoRA alpha: expected a number, at least 0");
    });
    expect(lost).toBe(0);
  });

  it("scale the update by alpha / rank, or alpha / √rank", () => {
    const [plain, stable] = [false, true].map((rankStabilised) =>
      formulaLora(base, { rank: 4, alpha: 6, targets: ["q_proj"], rankStabilised }),
    );
    const update = (model: CausalLM) => {
      const merged = mergeAdapter(model);
      const name = "model.layers.0.self_attn.q_proj.weight";
      const values = taken(tf.tidy(() => tf.sub(merged.weights.get(name) as Tensor2D, base.weights.get(name) as Tensor2D)));
      disposeModel(merged);
      return values;
    };
    expect(
      distance(
        update(stable!),
        update(plain!).map((value) => 2 * value),
      ),
    ).toBeLessThan(1e-6);
    for (const { adapter } of [plain!, stable!]) disposeAdapter(adapter!);
  });
});
