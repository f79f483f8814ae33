import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { confusion } from "../../../src/cells/charts/confusion.js";
import { calmSpan, runningMean, spread } from "../../../src/cells/charts/curve.js";
import { dpoCurves } from "../../../src/cells/charts/dpo-curves.js";
import { eqBreakdown } from "../../../src/cells/charts/eq-breakdown.js";
import { lossCurve } from "../../../src/cells/charts/loss-curve.js";
import { temperatureMix } from "../../../src/cells/charts/temperature-mix.js";
import { bundleOf } from "../../../src/cells/display.js";
import { evaluationExamples, FIFTEEN } from "./evaluation-examples.js";
import { CONFIGURATIONS, examples, STRATEGY_NAMES, shares } from "./examples.js";

/** Texts that a reader must find in the picture. */
const SEEN: Record<string, string[]> = {
  "loss-curve": ["SFT loss", "step", "nats per target token", "training 2.589", "held-out 2.761", "Best held-out loss 2.747 at step 160"],
  "temperature-mix": [
    "T = 2 (α = 0.50)",
    "empathetic_dialogues",
    "share of draws",
    "epochs",
    "repeated draws",
    "8.0 %",
    "1.75",
    "685",
    "3.33",
  ],
  "class-f1": ["Macro-F1 0.440 over 28 classes", "disappointment (1467)", "macro mean", "0.82"],
  "class-f1-strategies": ["Self-disclosure", "0.33"],
  confusion: [...STRATEGY_NAMES, "Question (172)", "114", "565 of 1288 right (43.9 %)"],
  "confusion-small": ["40 of 43 right (93.0 %)", "yes (0)"],
  reliability: ["Expected calibration error 0.065 over 7993 predictions", "too sure", "predicted probability"],
  "dpo-curves": ["margin 0.86", "rejected −0.54", "accuracy 0.86"],
  "dpo-curves-log-prob": ["log p(chosen) −64.3"],
  "eq-breakdown": ["caring", "neutral", "alignment", "q29", "Mean empathy mass 0.399 over 30 samples"],
  "eq-breakdown-all": ["samples, by empathy mass", "171 samples"],
  "eq-breakdown-no-alignment": ["empathy mass"],
  "configuration-bars": [...CONFIGURATIONS, "0.510", "[0.460, 0.560]", "0.975"],
  "forest-plot": ["SFT + DPO − SFT", "not shown, Holm p = 0.420", "light diamond: at equal length", "difference in EQ score"],
  "forest-plot-extremes": [
    "not shown, no test",
    "contradicted, Holm p < 0.001",
    "−4.3 [−6.0, −2.5]",
    "0.0 [0.0, 0.0]",
    "which heads and at which compute it",
  ],
  "forest-plot-empty": ["No planned comparison"],
  "seed-spread": ["3 seeds, SD 0.012", "Base: Emotion Head Only", "red ticks: each seed's own mean"],
  "seed-spread-one": ["one seed", "its spread cannot be told"],
  "emotion-profile": ["caring", "SFT + DPO, shuffled pairs", "bold: counted as empathy"],
  "emotion-profile-many": FIFTEEN,
  "score-by-length-many": [...FIFTEEN, "per 10 tokens", "over 2565 responses"],
  "evaluator-agreement": ["TF-IDF", "Emotion head (steers)", "n = 300"],
  "evaluator-agreement-one": ["Spearman's ρ –, n = 1"],
  "sample-breakdown": ["Question q1", "official 6.8 of 10", "Frustrated with herself", "0.138"],
  "sample-breakdown-unusable": ["no usable answer", "unusable (no line like “Word: 5”)"],
  "class-f1-control": ["◇", "diamond: TF-IDF control"],
  "reliability-before": ["0.108 before, 0.011 after", "□ before"],
  "rank-changes": [...FIFTEEN, "supportive", "w = 0.3", "The first rank goes to 3 of 15 configurations over 9 formulas"],
  "rank-changes-few": ["Base", "over 3 formulas"],
  "learning-curve": ["TF-IDF control 0.460", "43,410", "head, last token 0.270"],
  "head-costs": ["410 s", "9.4 s", "seconds (log)"],
  "score-by-length": ["Spearman's ρ 0.47 over 120 responses", "Emotion Head Only", "length of the response (words)"],
};

const all = { ...examples, ...evaluationExamples };

describe("every chart", () => {
  it("is among those looked at", () => {
    expect(Object.keys(all).sort()).toEqual(Object.keys(SEEN).sort());
  });

  for (const [name, make] of Object.entries(all)) {
    it(`${name} shows its words and numbers`, () => {
      const made = make();
      const { document } = new JSDOM(made.svg(), { contentType: "image/svg+xml" }).window;
      const texts = [...document.querySelectorAll("text")].map((text) => text.textContent!.replace(/\s+/g, " "));
      for (const seen of SEEN[name]!) expect(texts.join(" | ")).toContain(seen);
      expect(document.documentElement.outerHTML).not.toContain("NaN");
      expect(bundleOf(made)["text/plain"]).toContain("chart");
      expect(() => JSON.parse(JSON.stringify(bundleOf(made)))).not.toThrow();
    });
  }
});

describe("temperatureMix", () => {
  it("moves shares, epochs and repeats by the slider, without a kernel", () => {
    const asked: number[] = [];
    const { layout, data } = temperatureMix(
      (temperature) => {
        asked.push(temperature);
        return shares(temperature);
      },
      { temperatures: [1, 2, Number.POSITIVE_INFINITY], at: 1.9 },
    );
    const [slider] = layout.sliders as {
      active: number;
      steps: { label: string; method: string; args: [{ x: number[][]; text: string[][] }, object] }[];
    }[];
    expect(asked).toEqual([1, 2, Number.POSITIVE_INFINITY]);
    expect(slider!.active).toBe(1);
    expect(slider!.steps.map(({ label }) => label)).toEqual(["1", "2", "∞"]);
    expect(data.map(({ x }) => x)).toEqual(slider!.steps[1]!.args[0].x);
    expect(slider!.steps[2]!.args[0].text[0]).toEqual(["33.3 %", "33.3 %", "33.3 %"]);
    expect(slider!.steps[0]!.args[0].x[1]!.map((epochs) => epochs.toFixed(3))).toEqual(["0.313", "0.313", "0.313"]);
    expect(slider!.steps[2]!.args[1]).toEqual({ "title.text": "<b>Mixing by temperature: T = ∞ (α = 0.00)</b>" });
    expect(() => temperatureMix(shares, { temperatures: [] })).toThrow("expected at least one stop");
  });

  it("has a slider that moves without plotly: one picture for each stop", () => {
    const made = temperatureMix(shares, { temperatures: [1, 2, 5], at: 2 });
    const html = bundleOf(made)["text/html"] as string;
    const { document, Event } = new JSDOM(html, { runScripts: "dangerously" }).window;
    const pictures = [...document.querySelectorAll<HTMLImageElement>("img.stop")];
    const seen = () => pictures.filter(({ hidden }) => !hidden).map(({ alt }) => alt);
    expect(seen()).toEqual(["temperature T = 2"]);
    const input = document.querySelector("input")!;
    input.value = "2";
    input.dispatchEvent(new Event("input"));
    expect(seen()).toEqual(["temperature T = 5"]);
    const drawn = Buffer.from(pictures[2]!.src.split(",")[1]!, "base64").toString();
    expect(drawn).toContain("T = 5");
    expect(bundleOf(temperatureMix(shares, { at: 2, slider: false }))).not.toHaveProperty("text/html");
  });

  it("stands at exactly the value of a slider outside, drawn to the same scale", () => {
    const inside = temperatureMix(shares, { at: 2 });
    const outside = temperatureMix(shares, { at: 2.17, slider: false });
    expect(outside.layout.sliders).toEqual([]);
    expect((outside.layout.title as { text: string }).text).toContain("T = 2.17");
    expect(outside.data[0]!.x).toEqual(shares(2.17).map(({ share }) => share));
    expect((outside.layout.xaxis as { range: number[] }).range).toEqual((inside.layout.xaxis as { range: number[] }).range);
  });
});

describe("charts of little data", () => {
  it("are drawn before anything was measured", () => {
    expect(lossCurve([]).svg()).toContain("<svg");
    expect(lossCurve([{ kind: "start" }, { kind: "step", step: 1, loss: 3 }]).svg()).toContain("training 3.000");
    expect(dpoCurves([]).svg()).toContain("<svg");
    expect(eqBreakdown([]).svg()).toContain("<svg");
  });

  it("leave out log-probabilities that were not measured", () => {
    const row = { step: 1, chosenReward: 0, rejectedReward: 0, margin: 0, accuracy: 0.5, chosenLogProb: Number.NaN };
    expect(dpoCurves([row]).data).toHaveLength(4);
    expect(dpoCurves([{ ...row, chosenLogProb: -60 }]).data).toHaveLength(5);
  });
});

it("an emotion keeps its colour in every breakdown of the same emotions", () => {
  const colours = (heavy: string) =>
    Object.fromEntries(
      eqBreakdown([{ id: "a", alignment: null, mass: { joy: 0.1, love: 0.1, caring: 0.1, [heavy]: 0.5 } }]).data.map(({ name, marker }) => [
        name,
        (marker as { color: string }).color,
      ]),
    );
  expect(colours("joy")).toEqual(colours("caring"));
});

it("samples with the same name stay apart", () => {
  const sample = { id: "q1", alignment: 0.5, mass: { joy: 0.2 } };
  expect(eqBreakdown([sample, sample]).data[0]!.x).toEqual([1, 2]);
});

it("a confusion matrix has as many rows and columns as names", () => {
  expect(() => confusion({ names: ["a", "b"], counts: [[1, 2], [3]] })).toThrow("confusion: counts: expected 2 rows of 2, got [2,1]");
});

describe("curves", () => {
  it("take the mean of what was there", () => {
    expect(runningMean([1, null, 3, 5], 2)).toEqual([1, null, 3, 4]);
    expect([calmSpan(5), calmSpan(100), calmSpan(1000)]).toEqual([1, 10, 20]);
  });

  it("keep labels apart and in order", () => {
    expect(spread([1, 1.05, 0], 0.1)).toEqual([1, 1.1, 0]);
  });
});
