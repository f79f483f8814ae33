import { expected } from "../core/errors.js";
import { breathe, cellSignal, interruptibly } from "../core/interrupt.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import { type Tensor, tf, type Variable } from "../core/tf.js";
import { AdamW, type AdamWOptions } from "../optim/adamw.js";
import { clipFactor, globalNorm } from "../optim/clip.js";
import { schedule } from "../optim/schedule.js";
import { type CheckpointOptions, loadCheckpoint, runHash, saveCheckpoint } from "./checkpoint.js";

/** Sums over a batch: the loss, what it is a sum over, gradients by parameter, and sums of metrics over the same count. */
export type StepResult = { loss: number; count: number; gradients: Map<string, Tensor>; metrics?: Record<string, number> };

/** What is trained and how: SFT, heads and DPO differ in this alone. */
export type Task<Batch> = {
  parameters: Map<string, Variable>;
  /** Batches by number, endless; the same number always gives the same batch, so that a resumed run sees what it would have seen. */
  batch(index: number): Batch | Promise<Batch>;
  /** Loss and gradients of one batch. `seed` differs from batch to batch. Gradients are owned by the loop. */
  step(batch: Batch, seed: number): Promise<StepResult>;
  /** Loss on held-out data and other figures; used by `evaluateEvery`. */
  evaluate?: () => Promise<{ loss: number; metrics?: Record<string, number> }>;
  /** Tokens (or texts) in a batch, for the speed. */
  size(batch: Batch): number;
  /** Frees what the steps share, when training ends in whatever way. */
  dispose?(): void;
};

export type TrainOptions = {
  /** Number of updates. */
  steps: number;
  /** Largest learning rate; LoRA 1e-4 to 5e-4, DPO 1e-6 to 1e-5, heads 1e-3. */
  learningRate: number;
  schedule?: "linear" | "cosine" | "constant";
  warmupSteps?: number;
  /** Batches that make one update; exact, since sums are added and divided once. */
  accumulate?: number;
  /** Longest gradient; `null` for no clipping. */
  maxGradNorm?: number | null;
  optimizer?: AdamWOptions;
  seed?: number;
  /** Updates between evaluations; 0 for none but the last. */
  evaluateEvery?: number;
  /** Evaluations without a better loss after which training stops; 0 for never. */
  patience?: number;
  /** Ends with the parameters of the best evaluation instead of the last step. */
  keepBest?: boolean;
  checkpoint?: CheckpointOptions;
};

export type ResolvedTrainOptions = Required<Omit<TrainOptions, "checkpoint" | "optimizer">> & {
  optimizer: AdamWOptions;
  checkpoint: CheckpointOptions | null;
};

export type TrainEvent =
  | { kind: "start"; options: ResolvedTrainOptions; parameters: number; resumedFrom: number }
  | {
      kind: "step";
      step: number;
      loss: number;
      learningRate: number;
      gradNorm: number;
      count: number;
      /** Tokens (or texts) of the update, targets or not. */
      tokens: number;
      tokensPerSecond: number;
      seconds: number;
      metrics: Record<string, number>;
    }
  | { kind: "evaluation"; step: number; loss: number; best: boolean; metrics: Record<string, number> }
  | { kind: "checkpoint"; step: number; folder: string }
  | { kind: "end"; step: number; reason: "finished" | "early stop"; bestStep: number | null; bestLoss: number | null; seconds: number };

const DEFAULTS = {
  schedule: "linear",
  warmupSteps: 0,
  accumulate: 1,
  maxGradNorm: 1,
  seed: 0,
  evaluateEvery: 0,
  patience: 0,
  keepBest: false,
} as const;

/**
 * The one training loop. Yields plain numbers; stopping is `break`, and everything it made is freed then too. Evaluates before the first step where asked to.
 * @throws Error when the loss is not finite, before any weight is changed by it.
 */
export async function* train<Batch>(task: Task<Batch>, given: TrainOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const options: ResolvedTrainOptions = { ...DEFAULTS, optimizer: {}, checkpoint: null, ...given };
  checkOptions(options, task.parameters);
  const rate = schedule({
    kind: options.schedule,
    learningRate: options.learningRate,
    warmupSteps: options.warmupSteps,
    steps: options.steps,
  });
  const optimizer = new AdamW(options.optimizer);
  const best = new Best();
  const signal = cellSignal();
  const { checkpoint, keepBest } = options;
  const events: TrainEvent[] = [];
  let began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  try {
    const hash = checkpoint ? await runHash(options, task.parameters) : "";
    const run = { parameters: task.parameters, optimizer, best, events, hash };
    const first = checkpoint ? await loadCheckpoint(checkpoint, run) : 0;
    began -= 1000 * secondsOf(events);
    yield { kind: "start", options, parameters: countOf(task.parameters), resumedFrom: first };
    if (checkpoint?.replay) yield* [...events];
    const noted = <Event extends TrainEvent>(event: Event): Event => {
      if (checkpoint) events.push(event);
      return event;
    };
    const enough = () => options.patience > 0 && best.since >= options.patience;
    // A run that had stopped early stays stopped when it is resumed.
    let reason: "finished" | "early stop" = enough() ? "early stop" : "finished";
    let step = first;
    const evaluation = async (): Promise<TrainEvent> => {
      const { loss, metrics = {} } = await task.evaluate!();
      return noted({ kind: "evaluation", step, loss, best: best.see(step, loss, keepBest ? task.parameters : null), metrics });
    };
    if (task.evaluate && options.evaluateEvery > 0 && step === 0) yield await evaluation();
    while (step < options.steps && reason === "finished") {
      await breathe(signal);
      const started = performance.now();
      const { result, tokens } = await accumulated(task, step, options);
      step++;
      const learningRate = rate(step);
      const gradNorm = await apply(task.parameters, optimizer, result, { step, learningRate, maxGradNorm: options.maxGradNorm });
      const metrics = Object.fromEntries(Object.entries(result.metrics ?? {}).map(([name, sum]) => [name, sum / result.count]));
      const tokensPerSecond = tokens / ((performance.now() - started) / 1000);
      yield noted({
        kind: "step",
        step,
        loss: result.loss / result.count,
        learningRate,
        gradNorm,
        count: result.count,
        tokens,
        tokensPerSecond,
        seconds: seconds(),
        metrics,
      });
      const due = task.evaluate && (step === options.steps || (options.evaluateEvery > 0 && step % options.evaluateEvery === 0));
      if (due) {
        yield await evaluation();
        if (enough()) reason = "early stop";
      }
      if (checkpoint && (step % checkpoint.every === 0 || step === options.steps || reason === "early stop")) {
        yield { kind: "checkpoint", step, folder: await saveCheckpoint(checkpoint, step, run) };
      }
    }
    if (keepBest) best.restore(task.parameters);
    yield { kind: "end", step, reason, bestStep: best.step, bestLoss: best.loss, seconds: seconds() };
  } finally {
    optimizer.dispose();
    best.dispose();
    task.dispose?.();
  }
}

/** How long the steps before had taken. */
function secondsOf(events: readonly TrainEvent[]): number {
  const last = events.findLast(({ kind }) => kind === "step");
  return last?.kind === "step" ? last.seconds : 0;
}

/** The best evaluation so far and, where kept, a copy of its parameters. */
export class Best {
  step: number | null = null;
  loss: number | null = null;
  since = 0;
  #copies = new Map<string, Tensor>();

  see(step: number, loss: number, parameters: Map<string, Variable> | null): boolean {
    if (Number.isNaN(loss) || (this.loss !== null && !(loss < this.loss))) {
      this.since++;
      return false;
    }
    Object.assign(this, { step, loss, since: 0 });
    if (parameters) {
      this.dispose();
      for (const [name, value] of parameters) this.#copies.set(name, tf.clone(value));
    }
    return true;
  }

  get copies(): ReadonlyMap<string, Tensor> {
    return this.#copies;
  }

  /** Takes over what a checkpoint remembers; the tensors become this object's. */
  resume(state: { step: number | null; loss: number | null; since: number }, copies: Map<string, Tensor>): void {
    Object.assign(this, state);
    this.dispose();
    this.#copies = copies;
  }

  restore(parameters: Map<string, Variable>): void {
    for (const [name, copy] of this.#copies) parameters.get(name)!.assign(copy);
  }

  dispose(): void {
    tf.dispose([...this.#copies.values()]);
    this.#copies.clear();
  }
}

/** Adds up the batches of one update. */
async function accumulated<Batch>(
  task: Task<Batch>,
  step: number,
  { accumulate, seed }: ResolvedTrainOptions,
): Promise<{ result: StepResult; tokens: number }> {
  const total: StepResult = { loss: 0, count: 0, gradients: new Map(), metrics: {} };
  let tokens = 0;
  try {
    for (let part = 0; part < accumulate; part++) {
      const index = step * accumulate + part;
      const batch = await task.batch(index);
      addTo(total, await task.step(batch, (Math.imul(seed, 0x9e3779b1) + index) >>> 0));
      tokens += task.size(batch);
    }
  } catch (error) {
    tf.dispose([...total.gradients.values()]);
    throw error;
  }
  if (Number.isFinite(total.loss) && total.count > 0) return { result: total, tokens };
  tf.dispose([...total.gradients.values()]);
  const got = total.count > 0 ? total.loss : "a batch without a single target";
  throw new Error(
    expected(
      `training step ${step + 1}`,
      "a finite loss",
      got,
      "Lower the learning rate, or look at the batch; no weight was changed by this step",
    ),
  );
}

/** Adds up parts of a batch or of an update; takes over the gradients. */
export function addTo(total: StepResult, { loss, count, gradients, metrics = {} }: StepResult): void {
  total.loss += loss;
  total.count += count;
  for (const [name, sum] of Object.entries(metrics)) total.metrics![name] = (total.metrics![name] ?? 0) + sum;
  for (const [name, gradient] of gradients) {
    const previous = total.gradients.get(name);
    total.gradients.set(name, previous ? tf.add(previous, gradient) : gradient);
    if (previous) tf.dispose([previous, gradient]);
  }
}

async function apply(
  parameters: Map<string, Variable>,
  optimizer: AdamW,
  { count, gradients }: StepResult,
  { step, learningRate, maxGradNorm }: { step: number; learningRate: number; maxGradNorm: number | null },
): Promise<number> {
  try {
    const norm = (await globalNorm(gradients.values())) / count;
    if (!Number.isFinite(norm))
      throw new Error(
        expected(`training step ${step}`, "finite gradients", norm, "Lower the learning rate; no weight was changed by this step"),
      );
    const scale = clipFactor(norm, maxGradNorm) / count;
    interruptibly(() => optimizer.update(parameters, gradients, { step, learningRate, scale })); // never half of it
    return norm;
  } finally {
    tf.dispose([...gradients.values()]);
  }
}

function checkOptions(options: ResolvedTrainOptions, parameters: Map<string, Variable>): void {
  checkInteger("steps", options.steps, 1);
  checkInteger("accumulate", options.accumulate, 1);
  checkInteger("evaluateEvery", options.evaluateEvery, 0);
  checkInteger("patience", options.patience, 0);
  checkNumber("learningRate", options.learningRate, 0);
  if (options.maxGradNorm !== null) checkNumber("maxGradNorm", options.maxGradNorm, 0);
  if (parameters.size === 0)
    throw new Error("training: expected a model with something to train, got only frozen weights. Use addLora or unfreeze first");
}

const countOf = (parameters: Map<string, Variable>): number => [...parameters.values()].reduce((sum, { size }) => sum + size, 0);
