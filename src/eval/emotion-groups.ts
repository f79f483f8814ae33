import { GO_EMOTIONS } from "../data/go-emotions.js";

type Emotion = (typeof GO_EMOTIONS)[number];
type Grouping = Readonly<Record<string, readonly Emotion[]>>;

/** The two coarser sets of the GoEmotions paper (Demszky et al. 2020): Ekman's six emotions and neutral, and sentiments. */
export const EMOTION_GROUPS = {
  ekman: {
    anger: ["anger", "annoyance", "disapproval"],
    disgust: ["disgust"],
    fear: ["fear", "nervousness"],
    joy: [
      ...["joy", "amusement", "approval", "excitement", "gratitude", "love", "optimism"],
      ...["relief", "pride", "admiration", "desire", "caring"],
    ] as Emotion[],
    sadness: ["sadness", "disappointment", "embarrassment", "grief", "remorse"],
    surprise: ["surprise", "realization", "confusion", "curiosity"],
    neutral: ["neutral"],
  },
  sentiment: {
    positive: [
      ...["amusement", "excitement", "joy", "love", "desire", "optimism"],
      ...["caring", "pride", "admiration", "gratitude", "relief", "approval"],
    ] as Emotion[],
    negative: [
      ...["fear", "nervousness", "remorse", "embarrassment", "disappointment", "sadness"],
      ...["grief", "disgust", "anger", "annoyance", "disapproval"],
    ] as Emotion[],
    ambiguous: ["realization", "surprise", "curiosity", "confusion"],
    neutral: ["neutral"],
  },
} as const satisfies Record<string, Grouping>;

export type GroupingName = keyof typeof EMOTION_GROUPS;

/** The groups' names and, for each, its labels' numbers. */
export function groupsOf(name: GroupingName): { names: string[]; members: number[][] } {
  const groups = Object.entries(EMOTION_GROUPS[name]) as [string, readonly Emotion[]][];
  return { names: groups.map(([group]) => group), members: groups.map(([, labels]) => labels.map((label) => GO_EMOTIONS.indexOf(label))) };
}

/** A group holds where any of its labels does: `[rows, groups]`. */
export function groupedLabels(labels: readonly (readonly number[])[], members: readonly (readonly number[])[]): number[][] {
  return labels.map((row) => [...members.keys()].filter((group) => members[group]!.some((label) => row.includes(label))));
}

/** The probability that any label of a group holds, as if they were independent: 1 - Π (1 - p). `[rows, groups]`. */
export function groupedProbabilities(probabilities: Float32Array, members: readonly (readonly number[])[]): Float32Array {
  const classes = GO_EMOTIONS.length;
  const rows = probabilities.length / classes;
  const result = new Float32Array(rows * members.length);
  for (let row = 0; row < rows; row++)
    members.forEach((labels, group) => {
      result[row * members.length + group] = 1 - labels.reduce((none, label) => none * (1 - probabilities[row * classes + label]!), 1);
    });
  return result;
}
