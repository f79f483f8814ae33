import { type Tensor, tf } from "../tf.js";

/** An attribute of an operation, as tfjs's binding takes it. */
export type Attribute = { name: string; type: number; value: unknown };

/** An output of an operation in a graph: `[operation, output]`. */
export type Place = [operation: number, output: number];

/** An output with what is known of it. */
export type Node = { place: Place; dtype: number; shape: number[] };

/** `shape` holds -1 for a size, or is null for a rank, that TensorFlow cannot tell without running. */
export type Described = { index: number; outputs: { dtype: number; shape: number[] | null }[] };

/** A handle that an operation made. */
type Output = { id: number; dtype: number; shape: number[] };

/** tfjs's binding with what functions.cc adds to it. */
export type Binding = {
  [constant: `TF_${string}`]: number;
  executeOp(name: string, attributes: Attribute[], inputs: number[], outputs: number): Output[];
  createTensor(shape: number[], dtype: number, values: ArrayBufferView | Uint8Array[]): number;
  deleteTensor(id: number): void;
  newGraph?(): number;
  deleteGraph(graph: number): void;
  addInput(graph: number, dtype: number, shape: number[]): Described;
  addConstant(graph: number, dtype: number, shape: number[], values: ArrayBufferView): Described;
  addOperation(graph: number, name: string, attributes: Attribute[], inputs: (Place | Place[])[], after: number[]): Described;
  addFunction(graph: number, name: string, inputs: Place[], outputs: Place[]): void;
  removeFunction(name: string): void;
  /** As `executeOp`; fails soon after another thread has set `wish[0]`. */
  runFunction(name: string, attributes: Attribute[], inputs: number[], outputs: number, wish: Int32Array | undefined): Output[];
};

export type DataId = object;

/** What tfjs's backend keeps of a tensor: a handle, or values that have not been given to TensorFlow yet. */
export type TensorData = { id: number; dtype: number; shape: number[]; values: ArrayBufferView | null };

/** The parts of tfjs's native backend that tracing replaces for its time. */
export type Backend = {
  binding: Binding;
  tensorMap: { get(id: DataId): TensorData; has(id: DataId): boolean };
  getInputTensorIds(tensors: readonly { dataId: DataId }[]): number[];
  readSync(id: DataId): unknown;
  move(id: DataId, values: unknown, shape: number[], dtype: string, references: number): void;
  createOutputTensor(output: Output): Tensor;
  executeMultipleOutputs(name: string, attributes: Attribute[], inputs: readonly { dataId: DataId }[], outputs: number): Tensor[];
};

export const backend = (): Backend => tf.backend() as unknown as Backend;

/** Operations of TensorFlow with a list among their inputs: the place of the list's first member, and how many inputs follow the list. */
const LISTS: { [operation: string]: [first: number, following: number] } = {
  AddN: [0, 0],
  ConcatV2: [0, 1],
  Pack: [0, 0],
  IdentityN: [0, 0],
  Einsum: [0, 0],
  _FusedMatMul: [2, 0],
};

/** Inputs as a graph takes them, lists as lists. */
export function grouped(operation: string, nodes: readonly Node[]): (Place | Place[])[] {
  const places = nodes.map(({ place }) => place);
  const list = LISTS[operation];
  if (!list) return places;
  const [first, following] = list;
  const end = places.length - following;
  return [...places.slice(0, first), places.slice(first, end), ...places.slice(end)];
}
