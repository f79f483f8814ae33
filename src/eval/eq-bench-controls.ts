import type { EqQuestion } from "../data/record.js";
import { scoreV1, scoreV2 } from "./eq-bench-score.js";

/** What answers without understanding reach on the official scale. */
export type OfficialControl = {
  name: string;
  /** A score for each question, where 10 is perfect; the expected one where the answer is drawn. */
  scores: number[];
};

/** The values that a question's references have in a version: normalised to a sum of 10 in version 1, from 0 to 10 in version 2. */
const referenceOf = ({ reference, fullscale }: EqQuestion, version: 1 | 2): number[] => (version === 1 ? reference : fullscale);

/**
 * Answers that need no reading of the dialogue, scored officially: 3 everywhere, whole numbers from 0 to 10 drawn evenly, the mean rating of the
 * emotion's name in the other questions, and the reference of another question (the mean over all others). The drawn ones are expectations, not draws.
 */
export function officialControls(questions: readonly EqQuestion[], version: 1 | 2 = 2): OfficialControl[] {
  const score = (answer: readonly number[], question: EqQuestion): number => {
    const reference = referenceOf(question, version);
    // All 0 has no score in version 1. That it stands for here is an even answer.
    return version === 2 ? scoreV2(answer, reference) : (scoreV1(answer, reference) ?? scoreV1([1, 1, 1, 1], reference)!);
  };
  const prior = namePriors(questions, version);
  const controls: OfficialControl[] = [
    { name: "All 3", scores: questions.map((question) => score([3, 3, 3, 3], question)) },
    { name: "Random ratings", scores: questions.map((question) => mean(drawn(version).map((answer) => score(answer, question)))) },
    { name: "Emotion-name prior", scores: questions.map((question, i) => score(prior[i]!, question)) },
  ];
  if (questions.length < 2) return controls;
  const others = questions.map((question, i) => {
    return mean(questions.filter((_, other) => other !== i).map((other) => score(referenceOf(other, version), question)));
  });
  return [...controls, { name: "Another question's reference", scores: others }];
}

/**
 * For each question the mean rating that the other questions' references give to each of its four emotion names, with the mean of all their ratings
 * counted once more beside them, since most names are rare: what can be had from the names alone. Each question is left out of its own prior.
 */
export function namePriors(questions: readonly EqQuestion[], version: 1 | 2 = 2): number[][] {
  const sums = new Map<string, { sum: number; count: number }>();
  const all = { sum: 0, count: 0 };
  const add = (question: EqQuestion, sign: 1 | -1) => {
    question.emotions.forEach((name, i) => {
      const own = sums.get(name) ?? { sum: 0, count: 0 };
      sums.set(name, own);
      for (const tally of [own, all]) {
        tally.sum += sign * referenceOf(question, version)[i]!;
        tally.count += sign;
      }
    });
  };
  for (const question of questions) add(question, 1);
  return questions.map((question) => {
    add(question, -1);
    const priors = question.emotions.map((name) => {
      const own = sums.get(name)!;
      const overall = all.count > 0 ? all.sum / all.count : 5;
      return (own.sum + overall) / (own.count + 1);
    });
    add(question, 1);
    return priors;
  });
}

/**
 * Answers whose mean score is the expected one of even draws. Version 2 adds up a cost for each emotion, so that four equal ratings, each of the eleven
 * in turn, have the same mean as all 14,641 answers; version 1 needs these.
 */
function drawn(version: 1 | 2): number[][] {
  const ratings = Array.from({ length: 11 }, (_, rating) => rating);
  if (version === 2) return ratings.map((rating) => [rating, rating, rating, rating]);
  const pairs = ratings.flatMap((first) => ratings.map((second) => [first, second]));
  return pairs.flatMap((first) => pairs.map((second) => [...first, ...second])).filter((answer) => answer.some((rating) => rating > 0));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
