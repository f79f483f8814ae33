import { afterEach, expect, it } from "vitest";
import { liveSlider } from "../../src/cells/live-slider.js";

const seams = globalThis as { [seam: symbol]: unknown };
const widgets = Symbol.for("Jupyter.widgets");
const options = { label: "temperature", min: 1, max: 10, value: 2 };
afterEach(() => delete seams[widgets]);

it("is the drawing alone where no kernel has widgets", () => {
  expect(liveSlider(options, (value) => `T = ${value}`)).toBe("T = 2");
});

it("draws each value that the kernel's slider takes", () => {
  const drawn: unknown[] = [];
  seams[widgets] = {
    slider: (given: object) => ({ slider: given }),
    interact: (inputs: object, draw: (values: { value: number }) => unknown) => {
      drawn.push(draw({ value: 2 }), draw({ value: 7.5 }));
      return inputs;
    },
  };
  expect(liveSlider(options, (value) => `T = ${value}`)).toEqual({ value: { slider: options } });
  expect(drawn).toEqual(["T = 2", "T = 7.5"]);
});
