import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { bundleOf, displayable, displaySymbol, hasKernel, liveDisplay, publishSymbol, show } from "../../src/cells/display.js";
import { table } from "../../src/cells/table.js";
import { listen, silence } from "./kernel.js";

afterEach(silence);

describe("show", () => {
  it("does nothing, and prints nothing, without a kernel", () => {
    expect(hasKernel()).toBe(false);
    expect(show("text")).toBeUndefined();
    liveDisplay().show("text");
  });

  it("sends all MIME types in one message", () => {
    const messages = listen();
    show(displayable({}, () => ({ "text/html": "<b>1</b>", "text/plain": "1" })));
    expect(messages).toEqual([{ bundle: { "text/html": "<b>1</b>", "text/plain": "1" }, options: { update: false } }]);
  });

  it("shows what carries no bundle as console.log would", () => {
    expect(bundleOf({ a: [1, 2] })).toEqual({ "text/plain": "{ a: [ 1, 2 ] }" });
    expect(bundleOf("as it is")).toEqual({ "text/plain": "as it is" });
    expect(bundleOf(null)).toEqual({ "text/plain": "null" });
  });

  it("hands its options to the value", () => {
    const messages = listen();
    show(table([{ a: 1 }, { a: 2 }]), { rows: 1, title: "Two" });
    expect(messages[0]!.bundle["text/plain"]).toBe("Two\na\n1\n2 rows × 1 column; the first 1 rows shown");
  });

  it("replaces what a live display showed", () => {
    const messages = listen();
    const [one, other] = [liveDisplay(), liveDisplay()];
    for (const [display, value] of [
      [one, "a"],
      [one, "b"],
      [other, "c"],
    ] as const)
      display.show(value);
    const [first, second, third] = messages.map(({ options }) => options);
    expect([first!.update, second!.update, third!.update]).toEqual([false, true, false]);
    expect(second!.displayId).toBe(first!.displayId);
    expect(third!.displayId).not.toBe(first!.displayId);
  });
});

describe("displayable", () => {
  it("uses the symbols that kernels look for", () => {
    expect(displaySymbol).toBe(Symbol.for("Jupyter.display"));
    expect(publishSymbol).toBe(Symbol.for("Jupyter.publish"));
  });

  it("prints as its plain text and stays plain data", () => {
    const value = displayable({ a: 1 }, () => ({ "text/plain": "short" }));
    expect(inspect(value)).toBe("short");
    expect(JSON.stringify(value)).toBe('{"a":1}');
    expect(Object.keys(value)).toEqual(["a"]);
  });
});
