import { FormatError, shown } from "../core/errors.js";

const MAX_DEPTH = 64;
const NUMBER = /[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORDS: Record<string, unknown> = { True: true, False: false, None: null };
const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07", "0": "\0", "\n": "" };

/**
 * Reads a Python literal (dict, list, tuple, text, number, True, False, None) as `ast.literal_eval` would, without running anything.
 * Keys of a dict must be texts; of two equal ones the last holds. A tuple becomes an array. Not read: sets, bytes, complex numbers.
 * @throws FormatError with the place (from 0) in the text.
 */
export function parsePythonLiteral(text: string): unknown {
  let at = 0;
  const fail = (what: string): never => {
    throw new FormatError(`Python literal: expected ${what} at character ${at}, got ${shown(text.slice(at, at + 20) || "the end")}`);
  };
  const skip = () => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const take = (sign: string): boolean => {
    skip();
    if (text[at] !== sign) return false;
    at++;
    return true;
  };

  function value(depth: number): unknown {
    if (depth > MAX_DEPTH) fail(`at most ${MAX_DEPTH} levels`);
    skip();
    const sign = text[at] ?? "";
    if (sign === "{") return dict(depth);
    if (sign === "[") return items("[", "]", depth);
    if (sign === "(") return items("(", ")", depth);
    if (sign === "'" || sign === '"') return texts();
    const word = /[A-Za-z_]+/y;
    word.lastIndex = at;
    const name = word.exec(text)?.[0];
    if (name && Object.hasOwn(WORDS, name)) {
      at += name.length;
      return WORDS[name];
    }
    NUMBER.lastIndex = at;
    const digits = NUMBER.exec(text)?.[0];
    if (!digits) return fail("a value");
    at += digits.length;
    return Number(digits.replaceAll("_", ""));
  }

  function dict(depth: number): Record<string, unknown> {
    take("{");
    const entries: [string, unknown][] = [];
    while (!take("}")) {
      skip();
      if (text[at] !== "'" && text[at] !== '"') fail("a key in quotes");
      const key = texts();
      if (!take(":")) fail("a colon");
      entries.push([key, value(depth + 1)]);
      if (!take(",") && text[at] !== "}") fail("a comma or }");
    }
    return Object.fromEntries(entries);
  }

  function items(open: string, close: string, depth: number): unknown {
    take(open);
    const list: unknown[] = [];
    let commas = 0;
    while (!take(close)) {
      list.push(value(depth + 1));
      if (take(",")) commas++;
      else if (text[at] !== close) fail(`a comma or ${close}`);
    }
    return open === "(" && list.length === 1 && commas === 0 ? list[0] : list;
  }

  /** One text, or several beside each other, which Python joins. */
  function texts(): string {
    let joined = "";
    for (skip(); text[at] === "'" || text[at] === '"'; skip()) joined += quoted();
    return joined;
  }

  function quoted(): string {
    const mark = text[at]!;
    const triple = text.startsWith(mark.repeat(3), at) ? mark.repeat(3) : mark;
    at += triple.length;
    let result = "";
    while (!text.startsWith(triple, at)) {
      const sign = text[at] ?? fail(`a closing ${triple}`);
      if (sign === "\n" && triple.length === 1) fail(`a closing ${triple} in the same line`);
      at++;
      result += sign === "\\" ? escaped() : sign;
    }
    at += triple.length;
    return result;
  }

  function escaped(): string {
    const sign = text[at] ?? fail("a character after the backslash");
    at++;
    const digits = { x: 2, u: 4, U: 8 }[sign];
    if (digits) {
      const code = text.slice(at, at + digits);
      if (!/^[0-9a-fA-F]+$/.test(code) || code.length < digits || Number.parseInt(code, 16) > 0x10ffff)
        fail(`${digits} hexadecimal digits`);
      at += digits;
      return String.fromCodePoint(Number.parseInt(code, 16));
    }
    // Python keeps the backslash before a character that means nothing special.
    return ESCAPES[sign] ?? ("\\'\"".includes(sign) ? sign : `\\${sign}`);
  }

  const result = value(0);
  skip();
  if (at < text.length) fail("nothing more");
  return result;
}
