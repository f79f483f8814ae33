/**
 * Writes the pickle of a dict of tensors with the opcodes, the order and the memory numbers of Python's own pickler under `torch.save`
 * (protocol 2), so that the bytes are the same. The i-th tensor is float32, row-major, and has storage `i` to itself.
 */
export function pickleState(state: Iterable<readonly [name: string, shape: readonly number[]]>): Uint8Array {
  const parts: Uint8Array[] = [];
  const memo = new Map<string, number>();
  let remembered = 0;

  const write = (...bytes: number[]) => parts.push(Uint8Array.from(bytes));
  const little = (value: number, bytes: number) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);
  const indexed = (short: string, long: string, index: number) =>
    index < 256 ? write(code(short), index) : write(code(long), ...little(index, 4));
  const remember = () => indexed("q", "r", remembered++);

  const text = (value: string) => {
    const bytes = new TextEncoder().encode(value);
    write(code("X"), ...little(bytes.length, 4));
    parts.push(bytes);
    remember();
  };
  /** Writes a value that comes again and again: in full the first time, then as a reference. */
  const shared = (name: string, first: () => void) => {
    const index = memo.get(name);
    if (index !== undefined) return indexed("h", "j", index);
    memo.set(name, remembered);
    first();
  };
  const sharedText = (value: string) => shared(value, () => text(value));
  const global = (module: string, name: string) =>
    shared(`${module}.${name}`, () => {
      parts.push(new TextEncoder().encode(`c${module}\n${name}\n`));
      remember();
    });
  const integer = (value: number) => {
    if (value < 2 ** 8) write(code("K"), value);
    else if (value < 2 ** 16) write(code("M"), ...little(value, 2));
    else if (value < 2 ** 31) write(code("J"), ...little(value, 4));
    else {
      const bytes = Math.floor(value.toString(2).length / 8) + 1; // with room for the sign
      write(0x8a, bytes, ...little(value, bytes));
    }
  };
  const integers = (values: readonly number[]) => {
    if (values.length > 3) write(code("("));
    for (const value of values) integer(value);
    write(values.length > 3 ? code("t") : [code(")"), 0x85, 0x86, 0x87][values.length]!);
    if (values.length > 0) remember();
  };
  const emptyOrderedDict = () => {
    global("collections", "OrderedDict");
    write(code(")"), code("R"));
    remember();
  };
  const tensor = (shape: readonly number[], storage: number) => {
    global("torch._utils", "_rebuild_tensor_v2");
    write(code("("), code("("));
    sharedText("storage");
    global("torch", "FloatStorage");
    text(String(storage));
    sharedText("cpu");
    integer(shape.reduce((product, size) => product * size, 1));
    write(code("t"));
    remember();
    write(code("Q"), code("K"), 0);
    integers(shape);
    integers(rowMajorStrides(shape));
    write(0x89);
    emptyOrderedDict();
    write(code("t"));
    remember();
    write(code("R"));
    remember();
  };

  write(0x80, 2);
  emptyOrderedDict();
  const entries = [...state];
  for (let start = 0; start < entries.length; start += BATCH) {
    const batch = entries.slice(start, start + BATCH);
    if (batch.length > 1) write(code("("));
    for (const [i, [name, shape]] of batch.entries()) {
      text(name);
      tensor(shape, start + i);
    }
    write(code(batch.length > 1 ? "u" : "s"));
  }
  write(code("."));
  return new Uint8Array(Buffer.concat(parts));
}

/** How far, in values, one step along each axis leads in row-major order. As in PyTorch, an axis of size 0 counts as 1. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape.toReversed()) {
    strides.unshift(stride);
    stride *= Math.max(size, 1);
  }
  return strides;
}

/** Python sets this many members of a dict at a time. */
const BATCH = 1000;

const code = (opcode: string): number => opcode.charCodeAt(0);
