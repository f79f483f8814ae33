/** Charts of an evaluation, from numbers made up with a seed: the usual case of each, and its extremes. */
import { classF1 } from "../../../src/cells/charts/class-f1.js";
import { emotionProfile } from "../../../src/cells/charts/emotion-profile.js";
import { evaluatorAgreement } from "../../../src/cells/charts/evaluator-agreement.js";
import { forestPlot, type PlannedDifference } from "../../../src/cells/charts/forest-plot.js";
import { headCosts, learningCurve } from "../../../src/cells/charts/learning-curve.js";
import { rankChanges } from "../../../src/cells/charts/rank-changes.js";
import { reliability } from "../../../src/cells/charts/reliability.js";
import { type ScoredSample, sampleBreakdown } from "../../../src/cells/charts/sample-breakdown.js";
import { scoreByLength } from "../../../src/cells/charts/score-by-length.js";
import { seedSpread } from "../../../src/cells/charts/seed-spread.js";
import type { Figure } from "../../../src/cells/figure.js";
import { Random } from "../../../src/core/random.js";

const random = (name: string): Random => new Random(`charts/${name}`);

const VARIANTS = ["Base", "SFT", "SFT, longer", "SFT + DPO", "SFT + DPO, shuffled pairs"];
const CHOICES = ["No Heads (Baseline)", "Emotion Head Only", "Strategy Head Only"];
export const FIFTEEN = VARIANTS.flatMap((variant) => CHOICES.map((choice) => `${variant}: ${choice}`));

const PLANNED = [
  "SFT − Base",
  "SFT + DPO − SFT",
  "SFT + DPO − SFT, longer (same compute)",
  "SFT + DPO − SFT + DPO, shuffled pairs",
  "SFT + DPO: emotion head − no head",
  "SFT + DPO: emotion head − random head",
  "SFT + DPO: strategy head − random head",
  "SFT + DPO: both heads − no head",
  "SFT + DPO with both heads − Base without",
];

function planned(names: readonly string[], width = 0.02): PlannedDifference[] {
  const r = random("planned");
  return names.map((name, i) => {
    const mean = 0.05 * r.normal();
    const interval = { mean, low: mean - width, high: mean + width };
    const verdict = mean > width ? "supported" : mean < -width ? "contradicted" : "not shown";
    const equal = mean * 0.4;
    const lengthControlled = i % 3 === 2 ? null : { mean: equal, low: equal - width, high: equal + width };
    return { name, difference: interval, lengthControlled, holm: verdict === "not shown" ? 0.42 : i === 0 ? 0.0004 : 0.021, verdict };
  });
}

const LABELS = [
  "caring",
  "sadness",
  "neutral",
  "optimism",
  "approval",
  "gratitude",
  "love",
  "relief",
  "remorse",
  "curiosity",
  "fear",
  "joy",
];

function shares(names: readonly string[]) {
  const r = random("shares");
  return names.map((name) => ({
    name,
    shares: Object.fromEntries(LABELS.map((label, i) => [label, (0.3 / (i + 1)) * (0.5 + r.uniform())])),
  }));
}

function scored(names: readonly string[], seeds: number, width = 0.03) {
  const r = random("seeds");
  return names.map((name, i) => {
    const mean = 0.45 + 0.012 * i;
    const own = Array.from({ length: seeds }, () => mean + 0.015 * r.normal());
    return { name, score: { mean, low: mean - width, high: mean + width }, seeds: own };
  });
}

function ranked(names: readonly string[]) {
  const r = random("ranks");
  return ["caring", "published", "supportive"].flatMap((labelSet) =>
    [0, 0.3, 1].flatMap((weight) => {
      const scores = names.map((name, i) => ({ labelSet, weight, name, eq: 0.4 + 0.02 * i + 0.03 * r.normal() }));
      const order = [...scores].sort((a, b) => b.eq - a.eq);
      return scores.map((row) => ({ ...row, rank: 1 + order.indexOf(row) }));
    }),
  );
}

function judged(count: number) {
  const r = random("judged");
  return Array.from({ length: count }, (_, i) => {
    const score = Math.max(0, 0.5 + 0.15 * r.normal());
    const scores = {
      "Second emotion head": score,
      "TF-IDF": 0.6 * score + 0.08 * r.normal() + 0.1,
      "Emotion head (steers)": score + 0.05 * r.normal(),
    };
    return { id: `q${i + 1}`, scores };
  });
}

/** Samples of one variant; the third has no usable answer and a response that is a formula and a script. */
export function samplesToPick(count: number): ScoredSample[] {
  const r = random("pick");
  return Array.from({ length: count }, (_, i) => {
    const usable = i % 5 !== 2;
    const mass = Object.fromEntries(LABELS.slice(0, 8).map((label, j) => [label, (0.25 / (j + 1)) * r.uniform()]));
    const names = ["Embarrassed", "Relieved", "Frustrated with herself", "Hopeful"];
    return {
      ...{
        id: `q${i + 1}`,
        by: "SFT + DPO · Emotion + Strategy (Full)",
        mass,
        alignment: i % 7 === 3 ? null : r.uniform(),
        eq: 0.3 + 0.4 * r.uniform(),
      },
      official: usable ? 10 * r.uniform() - 2 : null,
      reason: usable ? null : "no line like “Word: 5”",
      emotions: names.map((name) => ({ name, reference: r.integer(11), answer: usable ? r.integer(11) : null })),
      prompt: `Your task is to predict the emotions.\n\nAt the end of this dialogue, how does Nora feel? (${i})`,
      response: usable ? "That sounds hard. What would help you most tonight?" : "=1+1 <script>alert(1)</script>",
    };
  });
}

export const evaluationExamples: Record<string, () => Figure> = {
  "forest-plot": () => forestPlot(planned(PLANNED)),
  "forest-plot-extremes": () =>
    forestPlot(
      [
        { name: "no difference at all", difference: { mean: 0, low: 0, high: 0 }, holm: 1, verdict: "not shown" },
        {
          name: "one seed, no test",
          difference: { mean: 1.5, low: -0.2, high: 3.1 },
          lengthControlled: null,
          holm: null,
          verdict: "not shown",
        },
        {
          ...{
            name: "a comparison whose name is a whole sentence, since it says which variant, which heads and at which compute it compares",
          },
          ...{ difference: { mean: -4.25, low: -6, high: -2.5 }, lengthControlled: { mean: -4, low: -5.9, high: -2.1 }, holm: 0.0001 },
          verdict: "contradicted",
        },
      ],
      { title: "Official score", unit: "difference in points", digits: 1 },
    ),
  "forest-plot-empty": () => forestPlot([]),
  "seed-spread": () => seedSpread(scored(FIFTEEN, 3)),
  "seed-spread-one": () => seedSpread(scored(["Base", "SFT + DPO"], 1, 0)),
  "emotion-profile": () => emotionProfile(shares(VARIANTS), { counted: ["caring", "sadness", "optimism", "approval", "gratitude"] }),
  "emotion-profile-many": () => emotionProfile(shares(FIFTEEN)),
  "score-by-length-many": () => {
    const r = random("lengths");
    const rows = FIFTEEN.flatMap((configuration, c) =>
      Array.from({ length: 171 }, () => {
        const length = c === 14 ? 40 : 8 + r.integer(110);
        return { configuration, length, score: 0.3 + 0.01 * c + 0.002 * length + 0.09 * r.normal() };
      }),
    );
    return scoreByLength(rows, { correlation: 0.47, lengthUnit: "tokens" });
  },
  "evaluator-agreement": () => evaluatorAgreement(judged(300), { headline: "Second emotion head" }),
  "evaluator-agreement-one": () => evaluatorAgreement([{ scores: { A: 0.5, B: 0.5 } }], { headline: "A" }),
  "sample-breakdown": () => sampleBreakdown(samplesToPick(1)[0]!),
  "sample-breakdown-unusable": () => sampleBreakdown(samplesToPick(3)[2]!),
  "class-f1-control": () => {
    const r = random("control");
    const rows = LABELS.map((name) => {
      const f1 = 0.7 * r.uniform();
      return { name, f1, support: 5 + r.integer(900), low: Math.max(0, f1 - 0.05), high: f1 + 0.05, control: 0.8 * r.uniform() };
    });
    return classF1(rows, { title: "Emotion head: F1 by label" });
  },
  "reliability-before": () => {
    const bins = (power: number) =>
      Array.from({ length: 10 }, (_, i) => ({
        confidence: i / 10 + 0.05,
        accuracy: (i / 10 + 0.05) ** power,
        count: Math.round(4000 * 0.5 ** i),
      }));
    return reliability(bins(1.05), { before: bins(2) });
  },
  "rank-changes": () => rankChanges(ranked(FIFTEEN)),
  "rank-changes-few": () => rankChanges(ranked(["Base", "SFT"]).filter(({ labelSet }) => labelSet === "caring")),
  "learning-curve": () => {
    const at = [1000, 3000, 10_000, 43_410];
    const rows = [
      ...at.map((examples, i) => ({
        name: "head, mean pooling",
        examples,
        score: 0.2 + 0.05 * i,
        low: 0.18 + 0.05 * i,
        high: 0.22 + 0.05 * i,
      })),
      ...at.map((examples, i) => ({
        name: "head, last token",
        examples,
        score: 0.15 + 0.04 * i,
        low: 0.13 + 0.04 * i,
        high: 0.17 + 0.04 * i,
      })),
      ...at.map((examples, i) => ({
        name: "TF-IDF control",
        examples,
        score: 0.22 + 0.08 * i,
        low: 0.2 + 0.08 * i,
        high: 0.24 + 0.08 * i,
      })),
    ];
    return learningCurve(rows, { title: "Emotion heads: learning curve", control: "TF-IDF control" });
  },
  "head-costs": () =>
    headCosts([
      { name: "mean of the last layer", score: 0.31, low: 0.28, high: 0.33, seconds: 84 },
      { name: "learned mix of layers, attention pooling, with the adapter", score: 0.36, low: 0.34, high: 0.39, seconds: 410 },
      { name: "last token", score: 0.22, low: 0.2, high: 0.25, seconds: 71 },
      { name: "TF-IDF + logistic regression", score: 0.47, low: 0.45, high: 0.49, seconds: 9.4, kind: "control" },
    ]),
};
