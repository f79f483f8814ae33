import { expect, it } from "vitest";
import { runSettings } from "../../src/cells/settings.js";
import { world } from "../../src/data/world.js";

it("without an environment the embedded world is used", () => {
  const run = runSettings({});
  expect([run.data, run.model, run.real]).toEqual([null, world("model"), false]);
  expect(run.path("heads", "a.pt")).toMatch(/out[\\/]demo[\\/]heads[\\/]a\.pt$/);
});

it("the environment names data, model, place and numbers", () => {
  const run = runSettings({ EQLAB_DATA: "d", EQLAB_MODEL: "org/m", EQLAB_OUT: "/o", EQLAB_STEPS: "12" });
  expect([run.data, run.model, run.real, run.path("x"), run.number("STEPS", 3), run.number("OTHER", 3)]).toEqual([
    "d",
    "org/m",
    true,
    "/o/x",
    12,
    3,
  ]);
  expect(() => runSettings({ EQLAB_STEPS: "many" }).number("STEPS", 1)).toThrow('EQLAB_STEPS: expected a number, got "many"');
});
