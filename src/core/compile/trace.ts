/** Runs a function of tensors without computing anything: every operation that tfjs asks for becomes one of a TensorFlow graph. */
import { type Tensor, tf, type Variable } from "../tf.js";
import { type Attribute, type Backend, type Binding, type DataId, grouped, type Node, type Place, type TensorData } from "./graph.js";
import { type Add, inFloat, mixedPrecision, type Precision, seenType } from "./mixed.js";

/** Why a function cannot be compiled. */
export class Untraceable extends Error {}

/** A tensor that the function uses and that was there before: a variable stands for whatever it holds when it is called. */
export type Captured = Variable | { dataId: DataId };

export type Trace = { graph: number; inputs: Place[]; captured: Captured[]; outputs: Place[]; names: string[]; operations: number };

/** Numbers for tensors of the graph, where handles have small ones. */
const FIRST_ID = 2 ** 30;
/** Larger host arrays are taken for data that differs from call to call. */
const LARGEST_CONSTANT = 4096;

let current: Tracer | undefined;

/** The tracer that is at work. */
export const tracing = (): Tracer | undefined => current;

/**
 * What `f` computes for arguments of these shapes, as a graph; the caller deletes it.
 * @throws Untraceable where `f` reads values, or uses what a graph cannot hold; whatever `f` throws.
 */
export function trace(
  backend: Backend,
  f: (...args: Tensor[]) => Record<string, Tensor>,
  args: readonly Tensor[],
  precision: Precision,
): Trace {
  const tracer = new Tracer(backend, precision);
  try {
    return tracer.run(f, args);
  } catch (error) {
    tracer.discard();
    throw error;
  }
}

export class Tracer {
  readonly #backend: Backend;
  readonly #binding: Binding;
  readonly #graph: number;
  readonly #add: Add;
  readonly #nodes = new Map<number, Node>();
  readonly #inputs: Place[] = [];
  readonly #captured: Captured[] = [];
  /** The number of what stands for a tensor that was there before. */
  readonly #known = new Map<DataId, number>();
  readonly #fresh = new WeakSet<DataId>();
  /** What a reshaped node was before. */
  readonly #unshaped = new Map<Node, Node>();
  readonly #variables: Map<DataId, Variable>;
  #after: number[] = [];
  #next = FIRST_ID;
  #operations = 0;

  constructor(backend: Backend, precision: Precision) {
    this.#backend = backend;
    this.#binding = backend.binding;
    this.#graph = this.#binding.newGraph!();
    this.#add = mixedPrecision(precision, (...operation) => this.#addPlain(...operation), this.#binding.TF_ATTR_TYPE!);
    const { registeredVariables } = tf.engine() as unknown as { registeredVariables: Record<string, Variable> };
    this.#variables = new Map(Object.values(registeredVariables).map((variable) => [variable.dataId, variable]));
  }

  run(f: (...args: Tensor[]) => Record<string, Tensor>, args: readonly Tensor[]): Trace {
    return this.#replacing(() => {
      let [outputs, names]: [Place[], string[]] = [[], []];
      tf.tidy(() => {
        for (const arg of args) this.#known.set(arg.dataId, this.#input(this.#backend.tensorMap.get(arg.dataId).dtype, arg.shape));
        const results = f(...args);
        names = Object.keys(results);
        outputs = this.#backend.getInputTensorIds(Object.values(results)).map((id) => this.#output(this.#nodes.get(id)!));
      });
      return { graph: this.#graph, inputs: this.#inputs, captured: this.#captured, outputs, names, operations: this.#operations };
    });
  }

  discard(): void {
    this.#binding.deleteGraph(this.#graph);
  }

  /** `x`, computed after `waited`. No gradient passes through. */
  ordered<T extends Tensor>(x: T, waited: readonly Tensor[]): T {
    this.#after = this.#backend.getInputTensorIds(waited).map((id) => this.#nodes.get(id)!.place[0]);
    try {
      return this.#backend.executeMultipleOutputs("Identity", [], [x], 1)[0] as T;
    } finally {
      this.#after = [];
    }
  }

  /** tfjs's backend with this tracer in the place of TensorFlow, for the time of `work`. */
  #replacing<T>(work: () => T): T {
    const backend = this.#backend;
    const { move, readSync } = backend;
    current = this;
    // The addon's own properties cannot be written to, not even on an object that inherits them.
    const replaced = Object.entries(this.#replacements).map(([name, value]) => [name, { value }] as const);
    backend.binding = Object.create(this.#binding, Object.fromEntries(replaced)) as Binding;
    backend.getInputTensorIds = (tensors) => tensors.map((tensor) => this.#idOf(tensor));
    backend.readSync = (id) => {
      if (this.#fresh.has(id)) return readSync.call(backend, id);
      throw new Untraceable("a value is read, which is not known before the function runs");
    };
    backend.move = (id, ...others) => {
      this.#fresh.add(id);
      move.call(backend, id, ...others);
    };
    try {
      return work();
    } finally {
      current = undefined;
      backend.binding = this.#binding;
      for (const name of ["getInputTensorIds", "readSync", "move"] as const) delete (backend as Partial<Backend>)[name];
    }
  }

  readonly #replacements = {
    executeOp: (name: string, attributes: Attribute[], inputs: number[]) => {
      const given = inputs.map((id) => this.#nodes.get(id)!);
      return this.#simplified(name, attributes, given).map((node) => ({
        id: this.#number(node),
        dtype: seenType(node.dtype),
        shape: node.shape,
      }));
    },
    deleteTensor: (id: number) => {
      if (id < FIRST_ID) this.#binding.deleteTensor(id);
    },
  };

  /** Without what changes nothing: tfjs asks for many casts and reshapes, and each costs some microseconds whenever the function runs. */
  #simplified(name: string, attributes: Attribute[], inputs: Node[]): Node[] {
    const [input] = inputs as [Node];
    if (name === "Cast" && typeOf(attributes, "SrcT") === typeOf(attributes, "DstT")) return [input];
    if (name !== "Reshape") return this.#add(name, attributes, inputs);
    const source = this.#unshaped.get(input) ?? input;
    const made = this.#add(name, attributes, [source, ...inputs.slice(1)]);
    if (source.shape.join() === made[0]!.shape.join()) return [source];
    this.#unshaped.set(made[0]!, source);
    return made;
  }

  #addPlain(name: string, attributes: Attribute[], inputs: Node[]): Node[] {
    this.#operations++;
    try {
      const { index, outputs } = this.#binding.addOperation(this.#graph, name, attributes, grouped(name, inputs), this.#after);
      return outputs.map(({ dtype, shape }, i) => {
        if (!shape || shape.includes(-1)) throw new Error("the shape of its result depends on values");
        return { place: [index, i], dtype, shape };
      });
    } catch (error) {
      throw new Untraceable(`${name}: ${(error as Error).message}`);
    }
  }

  #output(node: Node): Place {
    const add: Add = (...operation) => this.#addPlain(...operation);
    return add("Identity", [], [inFloat(node, add, this.#binding.TF_ATTR_TYPE!)])[0]!.place;
  }

  #number(node: Node): number {
    this.#nodes.set(this.#next, node);
    return this.#next++;
  }

  /** An argument of the function. */
  #input(dtype: number, shape: number[]): number {
    const place: Place = [this.#binding.addInput(this.#graph, dtype, shape).index, 0];
    this.#inputs.push(place);
    return this.#number({ place, dtype, shape });
  }

  /** The number in the graph of a tensor that an operation takes. */
  #idOf({ dataId }: { dataId: DataId }): number {
    const known = this.#known.get(dataId);
    if (known !== undefined) return known;
    const data = this.#backend.tensorMap.get(dataId);
    if (data.id >= FIRST_ID) return data.id;
    if (!this.#fresh.has(dataId)) this.#captured.push(this.#variables.get(dataId) ?? { dataId });
    const id = this.#fresh.has(dataId) ? this.#number(this.#constant(data)) : this.#input(data.dtype, data.shape);
    this.#known.set(dataId, id);
    return id;
  }

  #constant({ dtype, shape, values }: TensorData): Node {
    if (!(values instanceof Float32Array || values instanceof Int32Array || values instanceof Uint8Array))
      throw new Untraceable("a constant that is neither numbers nor booleans");
    const constant = (size: number[], data: ArrayBufferView, type = dtype): Node => ({
      place: [this.#binding.addConstant(this.#graph, type, size, data).index, 0],
      dtype: type,
      shape: size,
    });
    if (values.length <= 64) return constant(shape, values);
    if (values.every((value) => value === values[0])) {
      const sizes = constant([shape.length], Int32Array.from(shape), this.#binding.TF_INT32);
      return this.#addPlain("Fill", [], [sizes, constant([], values.slice(0, 1))])[0]!;
    }
    if (values.length > LARGEST_CONSTANT)
      throw new Untraceable(`a host array of ${values.length} values; it would stay as it is. Pass it as an argument`);
    return constant(shape, values);
  }
}

const typeOf = (attributes: readonly Attribute[], name: string): unknown => attributes.find((attribute) => attribute.name === name)?.value;
