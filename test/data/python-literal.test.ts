import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import { parsePythonLiteral } from "../../src/data/python-literal.js";

/** A Python literal for a JSON value, written with single quotes as `repr` mostly does. */
function repr(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string")
    return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`;
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([key, inner]) => `${repr(key)}: ${repr(inner)}`)
      .join(", ")}}`;
  return String(value);
}

describe("parsePythonLiteral", () => {
  it("reads what Python's repr writes", () => {
    const json = fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" });
    fc.assert(
      fc.property(json, (value) => {
        // As JSON, so that -0 is 0.
        expect(JSON.stringify(parsePythonLiteral(repr(value)))).toEqual(JSON.stringify(value));
      }),
      { numRuns: 300 },
    );
  });

  it("reads escapes, joined texts, triple quotes, tuples, signs and underscores as Python does", () => {
    const cases: [string, unknown][] = [
      [String.raw`"it's \x41\u00e9\U0001F600\q"`, "it's Aé😀\\q"],
      ["'a' \"b\"", "ab"],
      ["'''two\nlines'''", "two\nlines"],
      ["(1, 'b',)", [1, "b"]],
      ["(5)", 5],
      ["(5,)", [5]],
      ["()", []],
      ["[-1_000, +.5e1,]", [-1000, 5]],
      [" {'a': None, 'a': True,} ", { a: true }],
    ];
    for (const [text, value] of cases) expect(parsePythonLiteral(text)).toEqual(value);
  });

  it("makes an own property of __proto__ and leaves prototypes alone", () => {
    const value = parsePythonLiteral("{'__proto__': {'x': 1}}") as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it("refuses everything that is not a literal, and says where", () => {
    const bad = [
      "",
      "{",
      "{'a' 1}",
      "{1: 2}",
      "[1 2]",
      "'open",
      "'a\nb'",
      "__import__('os')",
      "1 + 1",
      "Nonesuch",
      "'\\x4'",
      "x",
      "{'a': }",
      "[,]",
    ];
    for (const text of [...bad, "[".repeat(100)]) {
      expect(() => parsePythonLiteral(text), text).toThrow(FormatError);
      expect(() => parsePythonLiteral(text), text).toThrow(/at character \d+|levels/);
    }
  });
});
