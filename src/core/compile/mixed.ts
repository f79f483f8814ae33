/** Which operations of a compiled function are computed in 16 bits, and the casts that this needs. tfjs goes on to see float32 everywhere. */
import type { Attribute, Node } from "./graph.js";

export type Precision = "f32" | "bf16" | "f16";

/** TensorFlow's numbers for element types (`DataType` in types.proto). */
const FLOAT = 1;
const TYPES = { bf16: 14, f16: 19 } as const;

/** Computed in 16 bits, whatever comes. TensorFlow adds up in f32 in them. */
const ALWAYS = new Set(["MatMul", "BatchMatMulV2"]);

/** Computed in 16 bits where all that comes has them; a scalar is rounded. */
const FOLLOWING = new Set(
  (
    "Add AddV2 AddN Sub Mul Neg Square Maximum Minimum Relu Tanh Sigmoid SoftplusGrad SigmoidGrad ReluGrad SelectV2 Select ZerosLike " +
    "Identity Reshape Transpose Roll Split SplitV ConcatV2 Slice StridedSlice Pack Unpack ExpandDims Squeeze Tile BroadcastTo"
  ).split(" "),
);

/** Computed in f32 and kept in 16 bits: what is large, and what the next block starts from. */
const ROUNDED = new Set(["GatherV2", "Softmax", "EqlabMaskedSoftmax"]);

/** Adds an operation to the graph as it is given. */
export type Add = (name: string, attributes: Attribute[], inputs: Node[]) => Node[];

/** Adds operations so that the precision is kept; what it returns may have 16 bits. `typeAttribute`: tfjs's number for attributes that are types. */
export function mixedPrecision(precision: Precision, add: Add, typeAttribute: number): Add {
  if (precision === "f32") return add;
  const low = TYPES[precision];
  const twins = new Map<Node, Node>();

  const cast = (node: Node, type: number): Node => {
    if (node.dtype === type || (node.dtype !== FLOAT && node.dtype !== low)) return node;
    const known = twins.get(node);
    if (known) return known;
    const attributes = { SrcT: node.dtype, DstT: type };
    const [made] = add(
      "Cast",
      Object.entries(attributes).map(([name, value]) => ({ name, type: typeAttribute, value })),
      [node],
    );
    // Not the other way round: from 16 bits back to f32 is a new tensor each time, else both would be kept.
    if (type === low) twins.set(node, made!);
    return made!;
  };
  /** The type in which an operation computes. */
  const typeFor = (name: string, inputs: readonly Node[]): number => {
    if (ALWAYS.has(name)) return low;
    if (!FOLLOWING.has(name)) return FLOAT;
    const large = inputs.filter(({ dtype, shape }) => dtype === low || (dtype === FLOAT && shape.length > 0));
    return large.length > 0 && large.every(({ dtype }) => dtype === low) ? low : FLOAT;
  };

  return (name, attributes, inputs) => {
    const type = typeFor(name, inputs);
    const same = name === "Cast"; // takes what comes
    const given = same ? inputs : inputs.map((input) => cast(input, type));
    const wanted = same ? given[0]!.dtype : type;
    const retyped = attributes.map((attribute) =>
      attribute.type === typeAttribute && attribute.value === FLOAT && attribute.name !== "DstT" && attribute.name !== "dtype"
        ? { ...attribute, value: wanted }
        : attribute,
    );
    const outputs = add(name, retyped, given);
    return ROUNDED.has(name) ? outputs.map((output) => cast(output, low)) : outputs;
  };
}

/** A node in f32, as callers of the function expect it. */
export function inFloat(node: Node, add: Add, typeAttribute: number): Node {
  if (node.dtype !== TYPES.bf16 && node.dtype !== TYPES.f16) return node;
  const attributes = { SrcT: node.dtype, DstT: FLOAT };
  return add(
    "Cast",
    Object.entries(attributes).map(([name, value]) => ({ name, type: typeAttribute, value })),
    [node],
  )[0]!;
}

/** What tfjs is told of a type. */
export const seenType = (dtype: number): number => (dtype === TYPES.bf16 || dtype === TYPES.f16 ? FLOAT : dtype);
