import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor, tf, type Variable } from "../../src/core/tf.js";
import { type StepResult, type Task, type TrainEvent, type TrainOptions, train } from "../../src/train/loop.js";
import { leaked } from "../formula.js";

/** Pulls `w` to the batch's number; a batch is one number, and its loss a sum over `count`. */
let w: Variable;
beforeEach(() => {
  w = tf.variable(tf.tensor1d([4, -2]));
});
afterEach(() => tf.disposeVariables());

type Batch = { goal: number; count: number };
function pull(overrides: Partial<Task<Batch>> = {}): Task<Batch> {
  return {
    parameters: new Map([["w", w]]),
    batch: (index) => ({ goal: index % 3, count: 1 + (index % 2) }),
    async step({ goal, count }): Promise<StepResult> {
      const gap = tf.tidy(() => tf.sub(w, goal));
      const squares = ((await gap.data()) as Float32Array).reduce((sum, value) => sum + value * value, 0);
      const gradient = tf.tidy(() => tf.mul(gap, 2 * count) as Tensor);
      gap.dispose();
      return { loss: squares * count, count, gradients: new Map([["w", gradient]]), metrics: { goal: goal * count } };
    },
    size: ({ count }) => count,
    ...overrides,
  };
}

async function collect(task: Task<Batch>, options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of train(task, options)) events.push(event);
  return events;
}
const ofKind = <K extends TrainEvent["kind"]>(events: TrainEvent[], kind: K) =>
  events.filter((event): event is Extract<TrainEvent, { kind: K }> => event.kind === kind);
const values = (): number[] => [...w.dataSync()];

describe("train", () => {
  it("reports its options, each step and the end in plain numbers, and leaves no tensor", async () => {
    let events: TrainEvent[] = [];
    const lost = await leaked(async () => {
      events = await collect(pull(), { steps: 3, learningRate: 0.1, accumulate: 2 });
    });
    expect(lost).toBe(0);
    expect(events.map(({ kind }) => kind)).toEqual(["start", "step", "step", "step", "end"]);
    expect(events[0]).toMatchObject({
      parameters: 2,
      resumedFrom: 0,
      options: { steps: 3, accumulate: 2, schedule: "linear", maxGradNorm: 1, seed: 0 },
    });
    const [first] = ofKind(events, "step");
    // Batches 0 (goal 0, once) and 1 (goal 1, twice): losses 20 and 18.
    expect(first).toMatchObject({ step: 1, loss: (20 + 2 * 18) / 3, count: 3, learningRate: 0.1, metrics: { goal: 2 / 3 } });
    expect(first!.gradNorm).toBeCloseTo(Math.hypot((8 + 2 * 6) / 3, (-4 + 2 * -6) / 3), 5);
    expect(events.at(-1)).toMatchObject({ reason: "finished", step: 3, bestStep: null });
    expect(structuredClone(events)).toEqual(events);
  });

  it("frees everything where the caller breaks off", async () => {
    const lost = await leaked(async () => {
      const task = pull({ evaluate: async () => ({ loss: 1 }) });
      for await (const event of train(task, { steps: 100, learningRate: 0.1, evaluateEvery: 1, keepBest: true }))
        if (event.kind === "step" && event.step === 3) break;
    });
    expect(lost).toBe(0);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("throws at a loss of %s and leaves the weights as they are", async (bad) => {
    const step = pull().step;
    const task = pull({ step: async (batch, seed) => ({ ...(await step(batch, seed)), ...(batch.goal === 2 ? { loss: bad } : {}) }) });
    let last: number[] = [];
    const lost = await leaked(() =>
      expect(async () => {
        for await (const event of train(task, { steps: 9, learningRate: 0.1 })) if (event.kind === "step") last = values();
      }).rejects.toThrow("training step 3: expected a finite loss"),
    );
    expect(lost).toBe(0);
    expect(values()).toEqual(last);
  });

  it("throws at a gradient that is not finite, and at batches without a target", async () => {
    const before = values();
    const gradient = async (): Promise<StepResult> => ({ loss: 1, count: 1, gradients: new Map([["w", tf.tensor1d([Number.NaN, 1])]]) });
    const none = async (): Promise<StepResult> => ({ loss: 0, count: 0, gradients: new Map([["w", tf.zeros([2])]]) });
    const lost = await leaked(async () => {
      await expect(collect(pull({ step: gradient }), { steps: 1, learningRate: 0.1 })).rejects.toThrow(
        "training step 1: expected finite gradients",
      );
      await expect(collect(pull({ step: none }), { steps: 1, learningRate: 0.1 })).rejects.toThrow("a batch without a single target");
    });
    expect(lost).toBe(0);
    expect(values()).toEqual(before);
  });

  it("frees what was accumulated where a later batch throws", async () => {
    const step = pull().step;
    const task = pull({
      step: async (batch, seed) => {
        if (batch.goal === 2) throw new Error("no such batch");
        return step(batch, seed);
      },
    });
    const lost = await leaked(() => expect(collect(task, { steps: 1, learningRate: 0.1, accumulate: 3 })).rejects.toThrow("no such batch"));
    expect(lost).toBe(0);
  });

  it("gives the same batch the same seed, and each batch its own", async () => {
    const seeds = async (seed: number): Promise<number[]> => {
      const seen: number[] = [];
      const step = pull().step;
      await collect(
        pull({
          step: async (batch, given) => {
            seen.push(given);
            return step(batch, given);
          },
        }),
        {
          steps: 3,
          learningRate: 0.1,
          accumulate: 2,
          seed,
        },
      );
      return seen;
    };
    const first = await seeds(1);
    expect(new Set(first).size).toBe(6);
    expect(await seeds(1)).toEqual(first);
    expect(await seeds(2)).not.toEqual(first);
  });

  it("takes each batch once, in the order of their numbers", async () => {
    const indices: number[] = [];
    const { batch } = pull();
    const task = pull({
      batch: (index) => {
        indices.push(index);
        return batch(index);
      },
    });
    await collect(task, { steps: 3, learningRate: 0.1, accumulate: 2 });
    expect(indices).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("refuses options that make no sense, and models with nothing to train", async () => {
    await expect(collect(pull(), { steps: 0, learningRate: 0.1 })).rejects.toThrow("steps: expected a whole number, at least 1, got 0");
    await expect(collect(pull(), { steps: 1, learningRate: -1 })).rejects.toThrow("learningRate: expected a number, at least 0, got -1");
    await expect(collect(pull(), { steps: 1, learningRate: 1, accumulate: 1.5 })).rejects.toThrow("accumulate: expected a whole number");
    await expect(collect(pull({ parameters: new Map() }), { steps: 1, learningRate: 1 })).rejects.toThrow(
      "training: expected a model with something to train",
    );
  });
});

describe("evaluation", () => {
  /** Losses by number of evaluation, and `w` at each. */
  const scripted = (losses: number[]) => {
    const seen: number[][] = [];
    return {
      seen,
      task: pull({
        evaluate: async () => {
          seen.push(values());
          return { loss: losses[seen.length - 1]!, metrics: { accuracy: 0.5 } };
        },
      }),
    };
  };

  it("comes before the first step, as often as asked, and after the last", async () => {
    const { task } = scripted([5, 4, 3, 2]);
    const events = ofKind(await collect(task, { steps: 5, learningRate: 0.1, evaluateEvery: 2 }), "evaluation");
    expect(events.map(({ step, best }) => [step, best])).toEqual([
      [0, true],
      [2, true],
      [4, true],
      [5, true],
    ]);
    expect(events[0]!.metrics).toEqual({ accuracy: 0.5 });
    expect(ofKind(await collect(scripted([5]).task, { steps: 3, learningRate: 0.1 }), "evaluation").map(({ step }) => step)).toEqual([3]);
  });

  it("stops training that gets no better, and keeps the best parameters", async () => {
    const { task, seen } = scripted([5, 3, 4, 3, 1]);
    const lost = await leaked(async () => {
      const events = await collect(task, { steps: 9, learningRate: 0.1, evaluateEvery: 1, patience: 2, keepBest: true });
      expect(events.at(-1)).toMatchObject({ kind: "end", step: 3, reason: "early stop", bestStep: 1, bestLoss: 3 });
    });
    expect(lost).toBe(0);
    expect(values()).toEqual(seen[1]);
  });

  it("leaves the last parameters where the best are not kept", async () => {
    const { task, seen } = scripted([1, 3, 4, 5]);
    await collect(task, { steps: 3, learningRate: 0.1, evaluateEvery: 1 });
    expect(values()).toEqual(seen[3]);
  });

  it("takes a loss that is not a number for no better than any", async () => {
    const { task } = scripted([Number.NaN, 3, Number.NaN, 2]);
    const events = await collect(task, { steps: 3, learningRate: 0.1, evaluateEvery: 1 });
    expect(ofKind(events, "evaluation").map(({ best }) => best)).toEqual([false, true, false, true]);
    expect(events.at(-1)).toMatchObject({ bestStep: 3, bestLoss: 2 });
  });
});
