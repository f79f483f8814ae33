import { expected, FormatError } from "../core/errors.js";

/**
 * What a pickle can hold here: lists are wrapped, so that tuples are plain arrays; dicts are maps; a global is what the caller
 * allows under its name; a persistent id is what the caller makes of it.
 */
export type Pickled = null | boolean | number | string | readonly Pickled[] | { list: Pickled[] } | Map<string, Pickled> | PickledObject;

/** Something that only the caller understands. */
export type PickledObject = { readonly kind: string };

/** A function that a pickle may call. It checks its arguments, which are a stranger's. */
export type PickleFunction = PickledObject & { kind: "function"; call(args: readonly Pickled[]): Pickled };

export type PickleOptions = {
  /** By full name (`collections.OrderedDict`), what the pickle may name. Nothing else can be reached. */
  globals: ReadonlyMap<string, PickledObject>;
  /** Gives the object behind a persistent id. */
  persistent(id: Pickled): Pickled;
  /** Names the pickle in errors. */
  file: string;
};

/**
 * Reads a protocol-2 pickle with an allow-list of opcodes, those that `torch.save` uses for dicts of tensors. Nothing is executed, and
 * whatever is not on a list ends the reading.
 * @throws FormatError
 */
export function readPickle(bytes: Uint8Array, { globals, persistent, file }: PickleOptions): Pickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const memo = new Map<number, Pickled>();
  const marks: Pickled[][] = [];
  let stack: Pickled[] = [];
  let at = 0;
  const wrong = (what: string, got: unknown) => new FormatError(expected(`${file}: pickle, byte ${at}`, what, got));

  const skip = (count: number) => {
    const start = at;
    if (start + count > bytes.length) throw wrong(`${count} more bytes`, bytes.length - start);
    at += count;
    return start;
  };
  const pop = (): Pickled => {
    if (stack.length === 0) throw wrong("a value on the stack", "none");
    return stack.pop()!;
  };
  const popMany = (count: number): Pickled[] => {
    if (stack.length < count) throw wrong(`${count} values on the stack`, stack.length);
    return stack.splice(stack.length - count);
  };
  const popMark = (): Pickled[] => {
    const items = stack;
    const outer = marks.pop();
    if (!outer) throw wrong("a mark", "none");
    stack = outer;
    return items;
  };
  const top = (): Pickled => {
    const value = stack.at(-1);
    if (value === undefined) throw wrong("a value on the stack", "none");
    return value;
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0 || end - at > 200) throw wrong("a short line", "none");
    return text(skip(end + 1 - at), end);
  };
  const text = (start: number, end: number): string => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, end));
    } catch {
      throw wrong("UTF-8 text", "other bytes");
    }
  };
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw wrong("a value remembered before", index);
    stack.push(value);
  };
  const setItems = (items: Pickled[]) => {
    const dict = top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw wrong("a dict and pairs for it", describe(dict));
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (typeof key !== "string") throw wrong("texts as the keys of a dict", describe(key));
      if (dict.has(key)) throw wrong("each key of a dict once", key);
      dict.set(key, items[i + 1]!);
    }
  };
  const append = (items: Pickled[]) => {
    const target = top();
    if (!isList(target)) throw wrong("a list", describe(target));
    for (const item of items) target.list.push(item);
  };

  if (bytes[skip(2)] !== 0x80 || bytes[1] !== 2) throw wrong("a pickle of protocol 2", `bytes ${bytes[0]}, ${bytes[1]}`);
  for (;;) {
    const opcode = String.fromCharCode(bytes[skip(1)]!);
    switch (opcode) {
      case "N": // NONE
        stack.push(null);
        break;
      case "\x88": // NEWTRUE
      case "\x89": // NEWFALSE
        stack.push(opcode === "\x88");
        break;
      case "K": // BININT1
        stack.push(bytes[skip(1)]!);
        break;
      case "M": // BININT2
        stack.push(view.getUint16(skip(2), true));
        break;
      case "J": // BININT
        stack.push(view.getInt32(skip(4), true));
        break;
      case "\x8a": {
        // LONG1
        const length = bytes[skip(1)]!;
        if (length > 8) throw wrong("a whole number of at most 8 bytes", length);
        let value = 0n;
        for (let i = 0; i < length; i++) value |= BigInt(bytes[skip(1)]!) << BigInt(8 * i);
        value = BigInt.asIntN(8 * length, value);
        if (!Number.isSafeInteger(Number(value))) throw wrong("a whole number below 2^53", value);
        stack.push(Number(value));
        break;
      }
      case "G": // BINFLOAT
        stack.push(view.getFloat64(skip(8), false));
        break;
      case "X": {
        // BINUNICODE
        const start = skip(4) + 4;
        const end = start + view.getUint32(start - 4, true);
        skip(end - start);
        stack.push(text(start, end));
        break;
      }
      case ")": // EMPTY_TUPLE
        stack.push([]);
        break;
      case "\x85": // TUPLE1, TUPLE2, TUPLE3
      case "\x86":
      case "\x87":
        stack.push(popMany(opcode.charCodeAt(0) - 0x84));
        break;
      case "(": // MARK
        marks.push(stack);
        stack = [];
        break;
      case "t": {
        // TUPLE
        const items = popMark();
        stack.push(items);
        break;
      }
      case "]": // EMPTY_LIST
        stack.push({ list: [] });
        break;
      case "a": // APPEND
        append(popMany(1));
        break;
      case "e": // APPENDS
        append(popMark());
        break;
      case "}": // EMPTY_DICT
        stack.push(new Map());
        break;
      case "s": // SETITEM
        setItems(popMany(2));
        break;
      case "u": // SETITEMS
        setItems(popMark());
        break;
      case "q": // BINPUT, LONG_BINPUT
        memo.set(bytes[skip(1)]!, top());
        break;
      case "r":
        memo.set(view.getUint32(skip(4), true), top());
        break;
      case "h": // BINGET, LONG_BINGET
        recall(bytes[skip(1)]!);
        break;
      case "j":
        recall(view.getUint32(skip(4), true));
        break;
      case "c": {
        // GLOBAL
        const name = `${line()}.${line()}`;
        const found = globals.get(name);
        if (!found) throw wrong(`one of the names ${[...globals.keys()].join(", ")}`, name);
        stack.push(found);
        break;
      }
      case "R": {
        // REDUCE
        const [callee, args] = popMany(2);
        if (!isFunction(callee!) || !isTuple(args!)) throw wrong("an allowed function and its arguments", describe(callee!));
        stack.push(callee.call(args));
        break;
      }
      case "b": {
        // BUILD: attributes of an OrderedDict, such as the _metadata of a module's state, which say nothing of its tensors
        const state = pop();
        if (!(top() instanceof Map) || !(state instanceof Map)) throw wrong("attributes for a dict only", describe(top()));
        break;
      }
      case "Q": // BINPERSID
        stack.push(persistent(pop()));
        break;
      case ".": // STOP
        if (stack.length !== 1 || marks.length !== 0 || at !== bytes.length) throw wrong("one value and the end of the pickle", "more");
        return stack[0]!;
      default:
        throw wrong("one of the opcodes that torch.save uses for dicts of tensors", `0x${opcode.charCodeAt(0).toString(16)}`);
    }
  }
}

export const isTuple = (value: Pickled): value is readonly Pickled[] => Array.isArray(value);

const isList = (value: Pickled): value is { list: Pickled[] } => typeof value === "object" && value !== null && "list" in value;

const isFunction = (value: Pickled): value is PickleFunction => isObject(value, "function");

/** Whether a value is the caller's own object of this kind. */
export function isObject<Kind extends string>(value: Pickled, kind: Kind): value is PickledObject & { kind: Kind } {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

/** What a value is, in words for an error. */
export function describe(value: Pickled): string {
  if (value === null) return "None";
  if (isTuple(value)) return `a tuple of ${value.length}`;
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (typeof value === "object") return "list" in value ? `a list of ${value.list.length}` : `a ${value.kind}`;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : String(value);
}
