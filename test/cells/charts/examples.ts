/** One example of every chart, from numbers made up with a seed: what the tests look at, and the gallery. */

import { classF1 } from "../../../src/cells/charts/class-f1.js";
import { configurationBars } from "../../../src/cells/charts/configuration-bars.js";
import { confusion } from "../../../src/cells/charts/confusion.js";
import { dpoCurves } from "../../../src/cells/charts/dpo-curves.js";
import { eqBreakdown } from "../../../src/cells/charts/eq-breakdown.js";
import { lossCurve } from "../../../src/cells/charts/loss-curve.js";
import { reliability } from "../../../src/cells/charts/reliability.js";
import { scoreByLength } from "../../../src/cells/charts/score-by-length.js";
import { type MixtureShare, temperatureMix } from "../../../src/cells/charts/temperature-mix.js";
import type { Figure } from "../../../src/cells/figure.js";
import { Random } from "../../../src/core/random.js";

const SIZES = { empathetic_dialogues: 19_531, esconv: 910, go_emotions: 43_410 };

/** Expected shares of the three sets at one temperature, 20 000 draws. */
export function shares(temperature: number): MixtureShare[] {
  const weights = Object.entries(SIZES).map(([source, size]) => ({ source, size, weight: size ** (1 / temperature) }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  return weights.map(({ source, size, weight }) => {
    const draws = (20_000 * weight) / total;
    return { source, share: weight / total, epochs: draws / size, repeats: Math.max(0, draws - size) };
  });
}

export const STRATEGY_NAMES = [
  "Question",
  "Restatement",
  "Reflection",
  "Self-disclosure",
  "Affirmation",
  "Suggestions",
  "Information",
  "Others",
];
const EMPATHETIC = ["admiration", "approval", "caring", "desire", "joy", "love", "optimism", "relief", "neutral"];
const EMOTIONS = [
  ...EMPATHETIC,
  "amusement",
  "anger",
  "annoyance",
  "confusion",
  "curiosity",
  "disappointment",
  "disapproval",
  "disgust",
  "embarrassment",
].concat(["excitement", "fear", "gratitude", "grief", "nervousness", "pride", "realization", "remorse", "sadness", "surprise"]);

const random = (name: string): Random => new Random(`charts/${name}`);

function losses(): { kind: string; step: number; loss: number }[] {
  const r = random("loss");
  const curve = (step: number): number => 2.6 + 1.9 * Math.exp(-step / 40);
  const train = Array.from({ length: 200 }, (_, i) => ({ kind: "step", step: i + 1, loss: curve(i) + 0.22 * r.normal() }));
  const heldOut = Array.from({ length: 11 }, (_, i) => ({
    kind: "evaluation",
    step: i * 20,
    loss: curve(i * 20) + 0.1 + 0.003 * Math.max(0, i - 6) ** 2,
  }));
  return [...train, ...heldOut];
}

function preferences(withLogProb: boolean) {
  const r = random("dpo");
  return Array.from({ length: 120 }, (_, i) => {
    const grown = 1 - Math.exp(-i / 45);
    const [chosenReward, rejectedReward] = [0.35 * grown + 0.08 * r.normal(), -0.6 * grown + 0.08 * r.normal()];
    const accuracy = Math.min(1, Math.max(0, 0.5 + 0.35 * grown + 0.1 * r.normal()));
    const step = { step: i + 1, chosenReward, rejectedReward, margin: chosenReward - rejectedReward, accuracy };
    return withLogProb ? { ...step, chosenLogProb: -62 - 3 * grown + r.normal() } : step;
  });
}

function samples(count: number, aligned: boolean) {
  const r = random(`eq ${count}`);
  return Array.from({ length: count }, (_, i) => ({
    id: `q${i + 1}`,
    mass: Object.fromEntries(
      EMPATHETIC.map((emotion) => [emotion, (emotion === "neutral" ? 0.25 : 0.09) * r.uniform() * (0.4 + r.uniform())]),
    ),
    alignment: aligned ? Math.max(-1, Math.min(1, 0.2 + 0.4 * r.normal())) : null,
  }));
}

export const CONFIGURATIONS = ["No Heads (Baseline)", "Emotion Head Only", "Strategy Head Only", "Emotion + Strategy (Full)"];

export const examples: Record<string, () => Figure> = {
  "loss-curve": () => lossCurve(losses(), { title: "SFT loss" }),
  "temperature-mix": () => temperatureMix(shares, { at: 2 }),
  "class-f1": () => {
    const r = random("f1");
    const rows = EMOTIONS.map((name) => ({ name, f1: 0.1 + 0.75 * r.uniform(), support: 6 + r.integer(1500) }));
    return classF1(
      rows.map((row) => ({
        ...row,
        low: Math.max(0, row.f1 - 2 / Math.sqrt(row.support)),
        high: Math.min(1, row.f1 + 2 / Math.sqrt(row.support)),
      })),
      {
        title: "Emotion head, F1 by class",
      },
    );
  },
  "class-f1-strategies": () => classF1(STRATEGY_NAMES.map((name, i) => ({ name, f1: 0.12 + 0.07 * i }))),
  confusion: () => {
    const r = random("confusion");
    const counts = STRATEGY_NAMES.map((_, i) => STRATEGY_NAMES.map((_, j) => (i === j ? 30 + r.integer(90) : r.integer(28))));
    return confusion({ names: STRATEGY_NAMES, counts }, { title: "Strategy head" });
  },
  "confusion-small": () =>
    confusion({
      names: ["no", "yes"],
      counts: [
        [40, 3],
        [0, 0],
      ],
    }),
  reliability: () =>
    reliability(
      Array.from({ length: 10 }, (_, i) => ({
        confidence: i / 10 + 0.05,
        accuracy: Math.min(1, (i / 10 + 0.05) ** 1.4),
        count: Math.round(4000 * 0.5 ** i),
      })),
    ),
  "dpo-curves": () => dpoCurves(preferences(false)),
  "dpo-curves-log-prob": () => dpoCurves(preferences(true)),
  "eq-breakdown": () => eqBreakdown(samples(30, true)),
  "eq-breakdown-all": () => eqBreakdown(samples(171, true)),
  "eq-breakdown-no-alignment": () => eqBreakdown(samples(24, false)),
  "configuration-bars": () =>
    configurationBars(
      [
        ...CONFIGURATIONS.map((configuration, i) => ({
          configuration,
          score: 0.51 + 0.02 * i,
          low: 0.46 + 0.02 * i,
          high: 0.56 + 0.02 * i,
        })),
        { configuration: "shuffled responses", score: 0.5, low: 0.45, high: 0.55, kind: "control" as const },
        { configuration: "“I'm sorry.”", score: 0.975, kind: "control" as const },
      ],
      { title: "EQ score by configuration" },
    ),
  "score-by-length": () => {
    const r = random("length");
    const rows = CONFIGURATIONS.flatMap((configuration, c) =>
      Array.from({ length: 30 }, (_, i) => {
        const length = 8 + r.integer(110);
        return { id: `q${i + 1}`, configuration, length, score: 0.35 + 0.03 * c + 0.002 * length + 0.09 * r.normal() };
      }),
    );
    return scoreByLength(rows, { correlation: 0.47 });
  },
};
