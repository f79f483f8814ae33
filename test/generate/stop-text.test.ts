import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stopText } from "../../src/generate/stop-text.js";

function through(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const stopping = stopText(stops);
  let all = "";
  for (const piece of pieces) {
    const { text, stopped } = stopping.push(piece);
    all += text;
    if (stopped) return { text: all, stopped };
  }
  return { text: all + stopping.end(), stopped: false };
}

describe("stopText", () => {
  it("gives the text before the stop, however the text is cut into pieces", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(letters), fc.string({ unit: fc.constantFrom("a", "b", "\n"), minLength: 1, maxLength: 4 }), (pieces, stop) => {
        const whole = pieces.join("");
        const at = whole.indexOf(stop);
        expect(through(pieces, [stop])).toEqual({ text: at < 0 ? whole : whole.slice(0, at), stopped: at >= 0 });
      }),
    );
  });

  it("holds back no more than what may begin a stop", () => {
    const stopping = stopText(["\nUser:", "###"]);
    expect(stopping.push("Hello\n")).toEqual({ text: "Hello", stopped: false });
    expect(stopping.push("Use")).toEqual({ text: "", stopped: false });
    expect(stopping.push(" it. #")).toEqual({ text: "\nUse it. ", stopped: false });
    expect(stopping.end()).toBe("#");
    expect(stopping.end()).toBe("");
  });

  it("stops at the first of several stops", () => {
    expect(through(["one # two ", "\nUser:"], ["\nUser:", "#"])).toEqual({ text: "one ", stopped: true });
  });

  it("passes all through without stops, and refuses an empty one", () => {
    expect(through(["a", "b"], [])).toEqual({ text: "ab", stopped: false });
    expect(() => stopText(["x", ""])).toThrow("stopTexts: expected texts that are not empty");
  });
});
