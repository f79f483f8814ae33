import { isNative } from "../engine.js";
import { checkInterrupt, interruptWish } from "../interrupt.js";
import { type Tensor, tf, type Variable } from "../tf.js";
import { type Attribute, backend } from "./graph.js";
import type { Precision } from "./mixed.js";
import { type Captured, type Trace, trace, tracing, Untraceable } from "./trace.js";

/** What a compiled function returns: tensors by name. */
export type Results = Record<string, Tensor>;

export type CompileOptions = {
  /** How TensorFlow runs the function: operation by operation, or as machine code made by XLA (seconds at the first call of each shape). */
  how?: "graph" | "xla";
  /** Matrix products and what lies between them in 16 bits; arguments, captured tensors and results stay f32. */
  precision?: Precision;
  /** Runs to its end even where the user wishes to interrupt: for what must not be done by half. */
  uninterrupted?: boolean;
};

export type Compiled<R extends Results> = ((...args: Tensor[]) => R) & {
  /** Why the last call ran operation by operation; empty where it ran compiled. */
  readonly fallback: string;
  dispose(): void;
};

type Made = { name: string; captured: Captured[]; names: string[] };

let made = 0;

/**
 * `f` as one TensorFlow function, made anew for each combination of argument shapes and kept until `dispose`. Its tensors stay on the device,
 * and what it needs on the way is freed as soon as it has been used.
 *
 * `f` runs once for each combination, on tensors without values: it must be made of tensor operations alone. What it captures is taken as it
 * is at each call if it is a `tf.Variable`, else it must live as long as the compiled function; host arrays that it makes stay as they are in
 * the first call. Where it cannot be compiled (another engine, a value that is read), it runs as it is, and `fallback` says why.
 */
export function compile<R extends Results>(title: string, f: (...args: Tensor[]) => R, options: CompileOptions = {}): Compiled<R> {
  const { how = "graph", precision = "f32", uninterrupted = false } = options;
  const functions = new Map<string, Made | string>();
  let fallback = "";

  const call = (...args: Tensor[]): R => {
    if (tracing()) return f(...args);
    const found = lookUp(args);
    fallback = typeof found === "string" ? found : "";
    return typeof found === "string"
      ? (tf.tidy(() => f(...args)) as R)
      : (run(found, args, how, uninterrupted ? undefined : interruptWish()) as R);
  };
  const lookUp = (args: readonly Tensor[]): Made | string => {
    const signature = args.map(({ shape, dtype }) => `${dtype}[${shape}]`).join();
    const known = functions.get(signature);
    if (known !== undefined) return known;
    const fresh = make(title, f, args, precision);
    functions.set(signature, fresh);
    return fresh;
  };
  const dispose = (): void => {
    for (const each of functions.values()) if (typeof each !== "string") backend().binding.removeFunction(each.name);
    functions.clear();
  };
  return Object.defineProperty(Object.assign(call, { dispose }), "fallback", { get: () => fallback }) as unknown as Compiled<R>;
}

/** `x` itself; in a compiled function, not before `after` has been computed. No gradient passes through. */
export function ordered<T extends Tensor>(x: T, after: readonly Tensor[]): T {
  return tracing()?.ordered(x, after) ?? x;
}

function make(title: string, f: (...args: Tensor[]) => Results, args: readonly Tensor[], precision: Precision): Made | string {
  if (!isNative()) return `the engine "${tf.getBackend()}" knows no compiled functions`;
  const { binding } = backend();
  if (!binding.newGraph) return "the native addon is older than this library. Run `npm run setup`";
  let traced: Trace | undefined;
  try {
    traced = trace(backend(), f, args, precision);
    const name = `${title.replace(/\W/g, "_")}_${++made}`;
    binding.addFunction(traced.graph, name, traced.inputs, traced.outputs);
    return { name, captured: traced.captured, names: traced.names };
  } catch (error) {
    if (error instanceof Untraceable || traced) return (error as Error).message;
    throw error;
  } finally {
    if (traced) binding.deleteGraph(traced.graph);
  }
}

function run({ name, captured, names }: Made, args: readonly Tensor[], how: "graph" | "xla", wish: Int32Array | undefined): Results {
  const { tensorMap, binding } = backend();
  for (const { dataId } of captured) {
    if (!tensorMap.has(dataId)) throw new Error(`${name}: expected the tensors that it captured to live, got one that is disposed`);
  }
  const attributes: Attribute[] = how === "xla" ? [{ name: "_XlaMustCompile", type: binding.TF_ATTR_BOOL!, value: true }] : [];
  const inputs = backend().getInputTensorIds([...args, ...(captured as Variable[])]);
  try {
    const outputs = binding.runFunction(name, attributes, inputs, names.length, wish);
    return Object.fromEntries(names.map((each, i) => [each, backend().createOutputTensor(outputs[i]!)]));
  } catch (error) {
    if (wish) checkInterrupt(); // where the wish ended the function, this throws the kernel's own error
    throw error;
  }
}
