import { open } from "node:fs/promises";
import { expected, FormatError } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { describe, isObject, isTuple, type Pickled, type PickledObject, type PickleFunction, readPickle } from "./pickle.js";
import { pickleState, rowMajorStrides } from "./pickle-writer.js";
import { readStoredZip, storedZip } from "./stored-zip.js";
import { DTYPE_BYTES, type Dtype, sizeOf, toFloat32 } from "./tensor-data.js";
import { writeFileSafely } from "./write.js";

/** A PyTorch state dict: names to tensors, in row-major order. */
export type State = Map<string, { shape: number[]; values: Float32Array }>;

/**
 * Reads a `.pt` file that `torch.save` made of a dict of dense tensors, such as a module's `state_dict()`. Values of any dtype that
 * we read become float32. Its pickle is read with an allow-list of opcodes and names; nothing in it is executed. `file` names it in errors.
 * @throws FormatError for anything else: another format, other objects, sizes that do not fit, a damaged file.
 */
export function readPt(bytes: Uint8Array, file = ".pt file"): State {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    const remedy = "Files of PyTorch before 1.6 have another form: load and save them with a newer one";
    throw new FormatError(
      expected(file, "a zip file, as torch.save writes", `${bytes.length} bytes that begin with ${bytes.slice(0, 4)}`, remedy),
    );
  }
  const entries = readStoredZip(bytes, file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw new FormatError(expected(file, "one entry <name>/data.pkl", pickles.length));
  const folder = pickles[0]!.slice(0, -"data.pkl".length);
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder && new TextDecoder().decode(byteOrder) !== "little") {
    throw new FormatError(expected(`${file}: byteorder`, "little", new TextDecoder().decode(byteOrder.subarray(0, 20))));
  }
  const root = readPickle(entries.get(pickles[0]!)!, {
    globals: GLOBALS,
    persistent: (id) => storageOf(id, (key) => entries.get(`${folder}data/${key}`), file),
    file,
  });
  if (!(root instanceof Map)) throw new FormatError(expected(file, "a dict of tensors", describe(root)));

  const state: State = new Map();
  let room = MAX_GROWTH * bytes.length;
  for (const [name, value] of root) {
    const thing = `${file}: ${JSON.stringify(name.slice(0, 80))}`;
    if (!isTensor(value)) throw new FormatError(expected(thing, "a tensor", describe(value), "Save the model's state_dict() alone"));
    room -= 4 * sizeOf(value.shape);
    if (room < 0) throw new FormatError(expected(thing, `values of at most ${MAX_GROWTH} times the file's size`, `[${value.shape}]`));
    state.set(name, { shape: [...value.shape], values: valuesOf(value) });
  }
  return state;
}

/**
 * Writes a state dict that `torch.load(path, weights_only=True)` gives back as an OrderedDict of float32 tensors, `mmap=True` included.
 * The pickle in it is the one that `torch.save` would write, byte for byte.
 * @throws RangeError for a shape that does not fit its values, a name of broken characters, or more than 4 GiB.
 */
export async function writePt(path: string, state: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>): Promise<void> {
  const tensors = [...state];
  for (const [name, { shape, values }] of tensors) {
    if (/\p{Surrogate}/u.test(name)) throw new RangeError(expected("state", "names of whole characters", name));
    for (const size of shape) checkInteger(`${name}: size`, size, 0);
    if (sizeOf(shape) !== values.length)
      throw new RangeError(expected(`${name} [${shape.join(", ")}]`, `${sizeOf(shape)} values`, values.length));
  }
  const text = (value: string) => new TextEncoder().encode(value);
  const pieces = storedZip([
    ["archive/data.pkl", pickleState(tensors.map(([name, { shape }]) => [name, shape] as const))],
    ["archive/byteorder", text("little")],
    ...tensors.map(
      ([, { values }], i) => [`archive/data/${i}`, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)] as const,
    ),
    ["archive/version", text("3\n")],
  ]);
  await writeFileSafely(path, async (temporary) => {
    const file = await open(temporary, "w");
    try {
      for (const piece of pieces) await file.writeFile(piece); // goes on where the last one ended
    } finally {
      await file.close();
    }
  });
}

/** Tensors may share a storage or repeat a value, so that a small file could ask for any amount of memory. */
const MAX_GROWTH = 16;
const MAX_RANK = 64;

type StorageType = PickledObject & { kind: "storage type"; dtype: Dtype };
type Storage = PickledObject & { kind: "storage"; dtype: Dtype; data: Uint8Array; size: number };
type PtTensor = PickledObject & { kind: "tensor"; storage: Storage; offset: number; shape: readonly number[]; strides: readonly number[] };

const isStorage = (value: Pickled | undefined): value is Storage => value !== undefined && isObject(value, "storage");
const isStorageType = (value: Pickled | undefined): value is StorageType => value !== undefined && isObject(value, "storage type");
const isTensor = (value: Pickled | undefined): value is PtTensor => value !== undefined && isObject(value, "tensor");
const isEmptyDict = (value: Pickled | undefined) => value instanceof Map && value.size === 0;
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const STORAGES: Record<string, Dtype> = {
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  DoubleStorage: "F64",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

const GLOBALS: ReadonlyMap<string, PickledObject> = new Map<string, PickledObject>([
  ["collections.OrderedDict", allowed(orderedDict)],
  ["torch._utils._rebuild_tensor_v2", allowed(rebuildTensor)],
  ["torch._utils._rebuild_parameter", allowed(rebuildParameter)],
  ...Object.entries(STORAGES).map(([name, dtype]) => [`torch.${name}`, { kind: "storage type", dtype } as StorageType] as const),
]);

function allowed(call: PickleFunction["call"]): PickleFunction {
  return { kind: "function", call };
}

function orderedDict(args: readonly Pickled[]): Pickled {
  if (args.length !== 0) throw new FormatError(expected("OrderedDict", "no arguments", args.length));
  return new Map();
}

/** `(storage, offset, size, stride, requires_grad, backward_hooks)`, and metadata where a tensor is a conjugate or negative view. */
function rebuildTensor(args: readonly Pickled[]): PtTensor {
  const [storage, offset, shape, strides, requiresGrad, hooks, metadata = null] = args;
  const plain = args.length <= 7 && typeof requiresGrad === "boolean" && isEmptyDict(hooks) && (metadata === null || isEmptyDict(metadata));
  if (!plain || !isStorage(storage))
    throw new FormatError(expected("_rebuild_tensor_v2", "the arguments of a dense tensor", `${args.length} others`));
  const hasSizes = isTuple(shape!) && isTuple(strides!) && shape.length === strides.length && shape.length <= MAX_RANK;
  if (!hasSizes || !isWhole(offset) || ![...shape, ...strides].every(isWhole)) {
    throw new FormatError(expected("_rebuild_tensor_v2", "an offset, sizes and as many strides, all whole numbers", "others"));
  }
  const sizes = shape as readonly number[];
  const steps = strides as readonly number[];
  const last = sizes.reduce((sum, size, axis) => sum + (size - 1) * steps[axis]!, offset);
  const isEmpty = sizes.includes(0);
  // Sums and products beyond 2^53 are rounded, but stay beyond it.
  if (!Number.isSafeInteger(sizeOf(sizes)) || (isEmpty ? offset > storage.size : last >= storage.size)) {
    throw new FormatError(
      expected(
        `tensor [${sizes.join(", ")}] with strides [${steps.join(", ")}]`,
        `${storage.size} values or fewer`,
        isEmpty ? offset : last + 1,
      ),
    );
  }
  return { kind: "tensor", storage, offset, shape: sizes, strides: steps };
}

/** `(data, requires_grad, backward_hooks)` */
function rebuildParameter([tensor, requiresGrad, hooks, ...rest]: readonly Pickled[]): Pickled {
  if (isTensor(tensor) && typeof requiresGrad === "boolean" && isEmptyDict(hooks) && rest.length === 0) return tensor;
  throw new FormatError(expected("_rebuild_parameter", "a tensor, requires_grad and no hooks", "other arguments"));
}

/** `("storage", type, key, location, size in values)` */
function storageOf(id: Pickled, find: (key: string) => Uint8Array | undefined, file: string): Storage {
  const [tag, type, key, location, size, ...rest] = isTuple(id) ? id : [];
  if (
    tag !== "storage" ||
    !isStorageType(type) ||
    typeof key !== "string" ||
    typeof location !== "string" ||
    !isWhole(size) ||
    rest.length > 0
  ) {
    throw new FormatError(expected(`${file}: persistent id`, "that of a storage", describe(id)));
  }
  const data = find(key);
  const bytes = size * DTYPE_BYTES[type.dtype];
  if (data?.length !== bytes)
    throw new FormatError(expected(`${file}: storage ${key}`, `${bytes} bytes`, data ? data.length : "no such entry"));
  return { kind: "storage", dtype: type.dtype, data, size };
}

/** The values of a tensor in row-major order, whatever its strides. */
function valuesOf({ storage: { dtype, data }, offset, shape, strides }: PtTensor): Float32Array {
  const width = DTYPE_BYTES[dtype];
  const count = sizeOf(shape);
  const rowMajor = rowMajorStrides(shape);
  if (count === 0 || shape.every((size, axis) => size === 1 || strides[axis] === rowMajor[axis])) {
    return toFloat32({ dtype, shape: [count], data: data.subarray(offset * width, (offset + count) * width) });
  }
  const gathered = new Uint8Array(count * width);
  const index = shape.map(() => 0);
  let from = offset;
  for (let i = 0; i < count; i++) {
    for (let byte = 0; byte < width; byte++) gathered[i * width + byte] = data[from * width + byte]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (shape[axis] === 1) continue; // its stride means nothing
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return toFloat32({ dtype, shape: [count], data: gathered });
}
