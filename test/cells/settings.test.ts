import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runSettings } from "../../src/cells/settings.js";
import { world } from "../../src/data/world.js";

it("without an environment the embedded world is used", () => {
  const run = runSettings({});
  expect([run.data, run.model, run.real]).toEqual([null, world("model"), false]);
  expect(run.checkpoint("sft").folder).toBe(run.path("checkpoints", "sft"));
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

it("on Kaggle, attached data and models are found, and results go where they are kept", () => {
  const kaggle = mkdtempSync(join(tmpdir(), "eqlab-kaggle-"));
  const folder = (...parts: string[]) => {
    const made = join(kaggle, ...parts);
    mkdirSync(made, { recursive: true });
    return made;
  };
  folder("working");
  const data = folder("input", "somebody", "dialogues");
  for (const name of ["esconv", "goemotions", "empathetic_dialogues", "eq_bench"]) folder("input", "somebody", "dialogues", name);
  const nothing = runSettings({ EQLAB_KAGGLE: join(kaggle, "elsewhere") });
  expect([nothing.data, nothing.model]).toEqual([null, world("model")]);
  const found = runSettings({ EQLAB_KAGGLE: kaggle });
  expect([found.data, found.model, found.out, found.real]).toEqual([data, world("model"), join(kaggle, "working", "eqlab"), true]);
  const model = folder("input", "a-model", "pytorch", "1");
  for (const name of ["config.json", "tokenizer.json"]) writeFileSync(join(model, name), "{}");
  expect(runSettings({ EQLAB_KAGGLE: kaggle }).model).toBe(model);
  expect(runSettings({ EQLAB_KAGGLE: kaggle, EQLAB_DATA: "/mine", EQLAB_MODEL: "org/m", EQLAB_OUT: "/o" })).toMatchObject({
    data: "/mine",
    model: "org/m",
    out: "/o",
  });
  rmSync(kaggle, { recursive: true });
});
