import type { EqRow } from "./eq-rows.js";
import { groupsBy } from "./groups.js";

/** What the replies of a configuration are like, whatever they say. */
export type QualityRow = {
  variant: string;
  seed: number;
  configuration: string;
  replies: number;
  /** Of what people replied to held-out dialogues, end of turn included: the variant's, the same in all its configurations. */
  bitsPerByte: number | null;
  /** Different words, and pairs of words, as a share of all, over all replies together; `null` where there are none. */
  distinct1: number | null;
  distinct2: number | null;
  /** Share of four-word runs that stood in the same reply before; `null` where no reply has four words. */
  repetition: number | null;
  /** Share of replies that are word for word the commonest one, empty ones included. */
  sameReply: number;
  meanTokens: number;
  /** Share of replies that the token limit ended. */
  atLimit: number;
  /** Share of replies that realise the strategy that was wanted; `null` without strategy heads. */
  strategyRealised: number | null;
};

/** Bits per byte of a variant's seed. */
export type ReplyBits = Pick<QualityRow, "variant" | "seed" | "bitsPerByte">;

/** A row for each variant, seed and configuration, in the order of the samples. */
export function qualityOf(rows: readonly EqRow[], bits: readonly ReplyBits[]): QualityRow[] {
  return groupsBy(rows, ({ variant, seed, configuration }) => [variant, seed, configuration]).map((group) => qualityRow(group, bits));
}

function qualityRow(rows: readonly EqRow[], bits: readonly ReplyBits[]): QualityRow {
  const { variant, seed, configuration } = rows[0]!;
  const words = rows.map(({ response }) => wordsOf(response));
  const share = (count: number) => count / rows.length;
  return {
    ...{ variant, seed, configuration, replies: rows.length },
    bitsPerByte: bits.find((row) => row.variant === variant && row.seed === seed)?.bitsPerByte ?? null,
    distinct1: distinct(words, 1),
    distinct2: distinct(words, 2),
    repetition: repetition(words),
    sameReply: share(commonest(rows.map(({ response }) => response)).count),
    meanTokens: share(rows.reduce((sum, { tokens }) => sum + tokens, 0)),
    atLimit: share(rows.filter(({ stop }) => stop === "length").length),
    strategyRealised: rows.every(({ strategy }) => strategy !== null)
      ? share(rows.filter(({ strategy }) => strategy!.intended === strategy!.realised).length)
      : null,
  };
}

/** The text that occurs most often, the first of several such; case and white space at its ends do not count. Empty for no texts. */
export function commonest(texts: readonly string[]): { text: string; count: number } {
  const counts = new Map<string, { text: string; count: number }>();
  for (const text of texts) {
    const key = text.trim().toLowerCase();
    counts.set(key, { text: counts.get(key)?.text ?? text.trim(), count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].reduce((most, one) => (one.count > most.count ? one : most), { text: "", count: 0 });
}

/** Words in lower case, and every other sign by itself. */
export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}_']+|[^\s\p{L}\p{N}_']/gu) ?? [];

/** Distinct-n of Li et al. (2016): different runs of n words over all runs, of all texts together. */
export function distinct(texts: readonly (readonly string[])[], n: number): number | null {
  const all = texts.flatMap((words) => runs(words, n));
  return all.length === 0 ? null : new Set(all).size / all.length;
}

/** The share of runs of n words that repeat one of the same text. */
export function repetition(texts: readonly (readonly string[])[], n = 4): number | null {
  const counts = texts.map((words) => runs(words, n)).map((all) => ({ all: all.length, different: new Set(all).size }));
  const total = counts.reduce((sum, { all }) => sum + all, 0);
  return total === 0 ? null : 1 - counts.reduce((sum, { different }) => sum + different, 0) / total;
}

const runs = (words: readonly string[], n: number): string[] =>
  Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(" "));
