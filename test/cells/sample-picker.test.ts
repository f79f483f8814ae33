import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { bundleOf } from "../../src/cells/display.js";
import { samplePicker } from "../../src/cells/sample-picker.js";
import { sampleRows, scoredSamples } from "../../src/cells/scored-samples.js";
import { madeUpResults } from "../eval/made-up-results.js";
import { samplesToPick } from "./charts/evaluation-examples.js";

const open = (html: unknown) => new JSDOM(`<body>${html}</body>`, { runScripts: "dangerously" }).window;

describe("samplePicker", () => {
  it("shows the sample that is picked, without a kernel", () => {
    const { document, Event } = open(bundleOf(samplePicker(samplesToPick(7)))["text/html"]);
    const select = document.querySelector("select")!;
    const seen = () => [...document.querySelectorAll<HTMLElement>("section.sample")].flatMap(({ hidden }, i) => (hidden ? [] : [i]));
    expect([select.options.length, seen()]).toEqual([7, [0]]);
    for (const place of [4, 2]) {
      select.selectedIndex = place;
      select.dispatchEvent(new Event("change"));
      expect(seen()).toEqual([place]);
    }
    expect(document.querySelectorAll("script")).toHaveLength(0);
    expect(document.querySelectorAll("section.sample")[2]!.textContent).toContain("<script>alert(1)</script>");
    expect(document.querySelectorAll("section.sample")[2]!.textContent).toContain("no usable answer");
  });

  it("says in plain text what it shows, draws one sample and refuses an unknown one", () => {
    const picker = samplePicker(samplesToPick(2));
    expect(bundleOf(picker)["text/plain"]).toMatch(/^q1, SFT \+ DPO .*: EQ 0\.\d{3} = mass 0\.\d{3}/);
    expect(picker.figure("q2").svg()).toContain("Question q2");
    expect(() => picker.figure("q9")).toThrow('expected the id of a sample, got "q9"');
    expect(bundleOf(samplePicker([]))["text/html"]).toContain("no samples");
  });

  it("stays small: 171 samples in under half a megabyte", () => {
    expect((bundleOf(samplePicker(samplesToPick(171)))["text/html"] as string).length).toBeLessThan(500_000);
  });
});

describe("samples of results", () => {
  const results = madeUpResults({ questions: 4, seeds: 2 });
  const own = scoredSamples(results, { variant: "SFT", configuration: "Emotion Head Only", seed: 1 });

  it("carry what their scores are made of", () => {
    const rows = results.rows.filter(
      ({ variant, configuration, seed }) => variant === "SFT" && configuration === "Emotion Head Only" && seed === 1,
    );
    expect(own.map(({ id }) => id)).toEqual(["1", "2", "3", "4"]);
    own.forEach((sample, i) => {
      expect(Object.values(sample.mass).reduce((sum, share) => sum + share, 0)).toBeCloseTo(rows[i]!.mass, 12);
      expect(sample.official).toBe(rows[i]!.official.score);
    });
    expect(own[1]!.emotions.map(({ name, reference }) => [name, reference])).toEqual([
      ["Embarrassed", 2],
      ["Relieved", 5],
      ["Frustrated", 8],
      ["Hopeful", 0],
    ]);
    for (const { emotions, official } of own) for (const { answer } of emotions) expect(answer === null).toBe(official === null);
  });

  it("are of the first seed and the baseline unless told, the best first in a table", () => {
    expect(scoredSamples(results, { variant: "Base" })[0]!.by).toBe("Base · No Heads (Baseline)");
    const rows = sampleRows(results, { variant: "Base" });
    const scores = rows.map(({ cells }) => cells.EQ as number);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(rows[0]!.texts.map(({ name }) => name)).toEqual(["response", "prompt"]);
    expect(scoredSamples(results, { variant: "nobody" })).toEqual([]);
  });
});
