import { GO_EMOTIONS } from "../data/go-emotions.js";
import type { EqQuestion } from "../data/record.js";

export type GoEmotion = (typeof GO_EMOTIONS)[number];

/** An emotion word of EQ-Bench and the labels it stands for; no labels where the word is not in the table. */
export type MappedWord = { word: string; labels: GoEmotion[]; weight: number };

/**
 * EQ-Bench's emotion words by the GoEmotions labels they come closest to, in this project's judgement; a word with two labels gives each one half.
 * GoEmotions has no label for boredom, calm or indifference, so they go to neutral, and none for contempt or envy, which are put together of two.
 */
const WORDS: readonly (readonly [labels: string, words: string])[] = [
  ["admiration", "Admiration Admiring Respect"],
  ["admiration optimism", "Inspired"],
  ["amusement", "Amused Amusement Entertained"],
  ["amusement disapproval", "Mocking"],
  ["anger", "Anger Angry Enraged Furious Hostile Insulted Outraged Vengeful Vindictive"],
  ["anger annoyance", "Offended Provoked Resentful Resentment"],
  ["anger disappointment", "Betrayal Betrayed"],
  ["anger disapproval", "Accusatory Defiance Defiant Indignant Indignation Rebellious"],
  ["anger disgust", "Malicious Spiteful"],
  ["anger fear", "Attacked"],
  ["anger sadness", "Victimized"],
  ["annoyance", "Annoyance Annoyed Exasperated Exasperation Frustrated Frustration Impatient Irritated Irritation"],
  ["annoyance disappointment", "Bitter Slighted"],
  ["annoyance disapproval", "Stubborn"],
  ["annoyance nervousness", "Agitated Defensive Defensiveness"],
  ["annoyance sadness", "Ignored"],
  ["approval", "Acceptance Agreement"],
  ["approval caring", "Understanding"],
  ["approval joy", "Pleased Satisfaction Satisfied"],
  ["approval pride", "Justified"],
  ["caring", "Empathetic Empathy Forgiving Generous Protective Sympathetic"],
  ["caring nervousness", "Concern Concerned"],
  ["caring neutral", "Patient"],
  ["caring sadness", "Pity"],
  ["confusion", "Bewildered Confused Confusion Perplexed"],
  ["confusion disapproval", "Skeptical"],
  ["confusion nervousness", "Doubtful Uncertain Unsure"],
  ["confusion surprise", "Disbelief Incredulous"],
  ["curiosity", "Curiosity Curious Intrigue Intrigued"],
  ["desire", "Attraction"],
  ["desire disappointment", "Envious Jealous"],
  ["desire excitement", "Eager"],
  ["desire optimism", "Determination Determined Motivated Resolute"],
  ["desire sadness", "Wistful"],
  ["disappointment", "Disappointed Disappointment"],
  ["disappointment sadness", "Defeated Disheartened Dismissed Misunderstood Rejection Resignation Resigned"],
  ["disappointment surprise", "Dismay"],
  ["disapproval", "Denial Dismissive Judgmental"],
  ["disapproval disgust", "Contempt Contemptuous Disdain"],
  ["disapproval nervousness", "Distrust Suspicion Suspicious"],
  ["disapproval pride", "Condescending Condescension"],
  ["disgust", "Disgusted"],
  ["embarrassment", "Embarrassed Embarrassment Humiliated Mortified Sheepish"],
  ["embarrassment remorse", "Ashamed Rebuked Reprimanded Reproached Shame"],
  ["embarrassment sadness", "Belittled Inadequate Inferior"],
  ["excitement", "Excited"],
  ["excitement joy", "Elated Euphoric Exhilarated"],
  ["excitement optimism", "Anticipation"],
  ["fear", "Fear Fearful Frightened Panic Scared Terrified Threatened"],
  ["fear nervousness", "Intimidated Overwhelmed"],
  ["fear sadness", "Desperate Desperation Helplessness"],
  ["gratitude", "Grateful"],
  ["gratitude love", "Moved Touched"],
  ["gratitude neutral", "Humble"],
  ["gratitude pride", "Respected"],
  ["gratitude relief", "Understood"],
  ["grief", "Grieving"],
  ["grief sadness", "Despair Heartbroken"],
  ["joy", "Cheerful Delighted Happiness Happy Joy Joyful"],
  ["joy pride", "Flattered Triumph Triumphant Victorious"],
  ["joy relief", "Content Contentment Liberated"],
  ["love", "Affectionate Loyal"],
  ["nervousness", "Anxiety Anxious Cautious Challenged Insecure Nervous Wary Worried"],
  ["neutral", "Apathetic Apathy Bored Complacent Detached Disinterest Disinterested Indifference Indifferent"],
  ["neutral", "Neutral Nonchalant Unfazed Uninterested Unperturbed"],
  ["neutral relief", "Calm"],
  ["optimism", "Hopeful"],
  ["optimism pride", "Confident Emboldened Empowered"],
  ["optimism relief", "Secure"],
  ["pride", "Arrogant Pride Proud Superior Unapologetic"],
  ["pride amusement", "Gloating Smug"],
  ["pride relief", "Vindicated Vindication"],
  ["realization", "Enlightened Enlightenment"],
  ["relief", "Comforted Mollified Pacified Reassured Relief Relieved Unburdened"],
  ["remorse", "Apologetic Contrite Guilt Guilty Regret Regretful Remorse Remorseful"],
  ["sadness", "Exhausted Gloomy Hurt Lonely Sad Sadness"],
  ["sadness neutral", "Alienated"],
  ["surprise", "Astonished Shocked Surprise Surprised"],
];

const LABELS: ReadonlyMap<string, GoEmotion[]> = new Map(
  WORDS.flatMap(([labels, words]) => words.split(" ").map((word) => [word.toLowerCase(), labels.split(" ") as GoEmotion[]] as const)),
);

/** The labels of a word, in whatever case, each with the same weight; a label's own name stands for itself, an unknown word for nothing. */
export function mapWord(word: string): MappedWord {
  const name = word.toLowerCase();
  const own = GO_EMOTIONS.filter((label) => label === name);
  const labels = LABELS.get(name) ?? own;
  return { word, labels, weight: labels.length === 0 ? 0 : 1 / labels.length };
}

/** The words of the questions, sorted, each once, and how they are mapped. Those without labels are what `referenceVector` leaves out. */
export function mappedWords(questions: readonly Pick<EqQuestion, "emotions">[]): MappedWord[] {
  const words = new Set(questions.flatMap(({ emotions }) => emotions));
  return [...words].sort().map(mapWord);
}

/** All words of the table, as they are written there. */
export const KNOWN_WORDS: readonly string[] = WORDS.flatMap(([, words]) => words.split(" ")).sort();

/** The question's reference intensities (0 to 10) on the 28 labels of GoEmotions, in their order. All 0 where no word is known. */
export function referenceVector({ emotions, fullscale }: Pick<EqQuestion, "emotions" | "fullscale">): Float32Array {
  const vector = new Float32Array(GO_EMOTIONS.length);
  emotions.forEach((emotion, i) => {
    const { labels, weight } = mapWord(emotion);
    for (const label of labels) vector[GO_EMOTIONS.indexOf(label)]! += weight * fullscale[i]!;
  });
  return vector;
}
