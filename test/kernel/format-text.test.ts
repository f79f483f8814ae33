import { inspect } from "node:util";
import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { formatValue } from "../../src/kernel/format/value.js";

const text = (value: unknown): string => {
  const bundle = formatValue(value) as { [mime: string]: string };
  expect(Object.keys(bundle)).toEqual(["text/plain"]);
  return bundle["text/plain"]!;
};

describe("the text of", () => {
  class Point {
    #secret = 3;
    constructor(readonly x = 1) {}
    get secret() {
      return this.#secret;
    }
  }

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [12.5, "12.5"],
    [-0, "-0"],
    [10n, "10n"],
    [Symbol("a"), "Symbol(a)"],
    ["plain 'text'", "plain 'text'"],
    ["", "''"],
    ["<svg></svg>", "<svg></svg>"],
    [new URL("https://example.org/a?b=1"), "https://example.org/a?b=1"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Date(Number.NaN), "Invalid Date"],
    [new Map([["a", { b: 1 }]]), "Map(1) { 'a' => { b: 1 } }"],
    [new Set([1]), "Set(1) { 1 }"],
    [new Float32Array([0.5, 1]), "Float32Array(2) [ 0.5, 1 ]"],
    [function add() {}, "[Function: add]"],
    [() => 1, "[Function (anonymous)]"],
    [Point, "[class Point]"],
    [new Point(), "Point { x: 1 }"],
    [/a/g, "/a/g"],
    [Object.create(null), "[Object: null prototype] {}"],
    [Promise.resolve(1), "Promise { 1 }"],
    [{ a: { b: { c: { d: { e: { f: 1 } } } } } }, "{\n  a: {\n    b: { c: { d: { e: [Object] } } }\n  }\n}"],
    [[], "[]"],
    [[{ a: 1 }], "[ { a: 1 } ]"],
  ])("%o is %j", (value, expected) => {
    expect(text(value)).toBe(expected);
  });

  it("an error is its stack, without frames of Node and the kernel", () => {
    const shown = text(new RangeError("too far"));
    expect(shown).toMatch(/^RangeError: too far\n\s+at .*format-text\.test/);
    expect(shown).not.toMatch(/node:|src\/kernel\//);
    expect(text(new Error("outer", { cause: new TypeError("inner") }))).toContain("TypeError: inner");
    expect(text(new AggregateError([new Error("one")], "many"))).toContain("Error: one");
    expect(text(vm.runInNewContext("new Error('elsewhere')"))).toContain("Error: elsewhere");
    expect(text(Object.assign(new Error("x"), { code: "E" }))).toContain("code: 'E'");
  });

  it("cyclic values says where they close", () => {
    const value: { [key: string]: unknown } = { a: 1 };
    value.self = value;
    expect(text(value)).toBe("<ref *1> { a: 1, self: [Circular *1] }");
  });
});

describe("values that fight back", () => {
  const throwing = (): never => {
    throw new Error("mine");
  };

  it.each([
    [
      "getters that throw",
      {
        get a() {
          return throwing();
        },
      },
    ],
    [
      "a display property that throws",
      {
        get [Symbol.for("Jupyter.display")]() {
          return throwing();
        },
      },
    ],
    ["an inspect method that throws", { [inspect.custom]: throwing, a: 1 }],
    [
      "a tag that throws",
      {
        get [Symbol.toStringTag]() {
          return throwing();
        },
      },
    ],
    [
      "duck-typed names that throw",
      {
        get shape() {
          return throwing();
        },
        get dataSync() {
          return throwing();
        },
        get data() {
          return throwing();
        },
        get $isSeries() {
          return throwing();
        },
        get toSpec() {
          return throwing();
        },
        get toDataURL() {
          return throwing();
        },
        get outerHTML() {
          return throwing();
        },
        get numRows() {
          return throwing();
        },
      },
    ],
    ["a proxy whose every trap throws", new Proxy({}, new Proxy({}, { get: () => throwing }))],
    ["a proxy that has everything", new Proxy(() => 1, { get: () => () => 1 })],
    [
      "a revoked proxy",
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      })(),
    ],
    [
      "methods that throw",
      { toSpec: throwing, toDataURL: throwing, numRows: throwing, numCols: throwing, columnNames: throwing, objects: throwing },
    ],
    ["an error with a stack that throws", Object.defineProperty(new Error("x"), "stack", { get: throwing })],
    ["an error with a message that throws", Object.defineProperty(new Error("x"), "message", { get: throwing })],
    ["an error without a stack", Object.assign(new Error("x"), { stack: undefined })],
    ["an error whose stack is an object", Object.assign(new Error("x"), { stack: { a: 1 } })],
    [
      "a constructor that throws",
      Object.create({
        get constructor() {
          return throwing();
        },
      }),
    ],
    [
      "a name that throws",
      class {
        a = 1;
        static get name(): string {
          return throwing();
        }
      },
    ],
    ["toString and toJSON that throw", { toString: throwing, toJSON: throwing, valueOf: throwing }],
    ["a subclass of Array whose length lies", Object.assign(Object.create(Array.prototype), { length: 1e9 })],
    ["a sparse list", Array(1e9)],
    [
      "a list of itself",
      (() => {
        const a: unknown[] = [];
        a.push(a);
        return a;
      })(),
    ],
  ])("%s: some short text", (_, value) => {
    const bundle = formatValue(value) as { [mime: string]: string };
    expect(typeof bundle["text/plain"]).toBe("string");
    expect(bundle["text/plain"]!.length).toBeGreaterThan(0);
    expect(bundle["text/plain"]!.length).toBeLessThan(21_000);
  });
});

describe("large values", () => {
  const quick = (value: unknown): string => {
    const start = performance.now();
    const shown = text(value);
    expect(performance.now() - start, "milliseconds").toBeLessThan(5000);
    expect(shown.length).toBeLessThan(20_200);
    return shown;
  };

  it("are cut, and say how much is missing", () => {
    expect(quick("x".repeat(5_000_000))).toMatch(/\n… 4,980,000 more characters$/);
    expect(quick(Array.from({ length: 1e6 }, (_, i) => i))).toContain("999900 more items");
    expect(quick(new Map(Array.from({ length: 1e5 }, (_, i) => [i, i])))).toContain("99900 more items");
    expect(quick(new Uint8Array(1e7))).toContain("9999900 more items");
    expect(quick(Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`key${i}`, i])))).toMatch(/\n… 99,900 more properties$/);
    expect(quick(Array.from({ length: 100 }, () => "y".repeat(9000)))).toMatch(/more characters$/);
  });

  it("are cut in depth where they are broad", () => {
    const wide = (levels: number): unknown => (levels ? Array.from({ length: 30 }, () => wide(levels - 1)) : 1);
    expect(quick(wide(4))).toContain("[Array]");
    const big = Object.fromEntries(Array.from({ length: 2e5 }, (_, i) => [`key${i}`, i]));
    expect(quick({ cache: { big } })).toContain("[Object]");
  });

  it("are not cut within a character", () => {
    const shown = quick(`x${"😀".repeat(20_000)}`);
    expect(() => encodeURIComponent(shown)).not.toThrow();
  });

  it("behind a proxy are cut too", () => {
    const wide = (levels: number): unknown => (levels ? Array.from({ length: 20 }, () => wide(levels - 1)) : 1);
    quick(new Proxy(wide(4) as object, {}));
    quick({ inside: new Proxy(wide(4) as object, {}) });
  });
});
