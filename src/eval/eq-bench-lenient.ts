import type { EqQuestion } from "../data/record.js";

/** Between a name and its rating: a colon, an equals sign, a table's bar, or a dash with a space after it; marks of Markdown around them. */
const BETWEEN = "[\\s*_`\"'(\\])]*(?:[:：=|]|[-–—](?=\\s))[\\s*_`\"'(]*";

/** 7, 7.5 or 7,5; no sign before it, no digit or letter after it, but "/10" may follow. */
const NUMBER = "(\\d+(?:[.,]\\d+)?)(?![\\p{L}\\p{N}])";

/**
 * The ratings that a reader would find in an answer, in the order of `emotions`, or `null` where one is missing: case, Markdown, lists, decimals, `Name - 7`,
 * tables and JSON do not matter, nor do other lines; the last rating of a name counts. No score by this parser is an EQ-Bench score: it stands beside the
 * official one, to tell a model that does not know from one that does not keep to the format.
 */
export function lenientAnswer(text: string, emotions: EqQuestion["emotions"]): number[] | null {
  const ratings = emotions.map((emotion) => {
    const found = [...text.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])${emotion}${BETWEEN}${NUMBER}`, "giu"))];
    return found.length === 0 ? Number.NaN : Number(found.at(-1)![1]!.replace(",", "."));
  });
  return ratings.every(Number.isFinite) ? ratings : null;
}
