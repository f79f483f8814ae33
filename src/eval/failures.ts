import type { Failure } from "./eq-rows.js";
import type { GeneratedText } from "./generation-cache.js";

/** The reason of a reply that ended where no more tokens were allowed: often, so the tables show it as a share. */
export const CUT = "cut by the token limit";

/** What went wrong with an answer, if anything did. */
export function failuresOf(about: Omit<Failure, "reason">, { response, stop }: Pick<GeneratedText, "response" | "stop">): Failure[] {
  if (stop === "failed") return [{ ...about, reason: "the model's numbers were not finite" }];
  const reasons = [response.trim() === "" ? "empty" : "", stop === "length" ? CUT : ""];
  return reasons.filter((reason) => reason !== "").map((reason) => ({ ...about, reason }));
}

/**
 * What `speak` makes of the prompts, `candidates` texts each. Where the model's numbers are not finite, each prompt is tried by itself, so that one does
 * not take others with it, and what fails is an empty text that says so.
 */
export async function withFailures<Prompt>(
  prompts: readonly Prompt[],
  candidates: number,
  speak: (prompts: readonly Prompt[]) => Promise<GeneratedText[][]>,
): Promise<GeneratedText[][]> {
  try {
    return await speak(prompts);
  } catch (error) {
    if (!(error instanceof RangeError && error.message.startsWith("logits:"))) throw error;
    if (prompts.length === 1) return [Array.from({ length: candidates }, () => ({ ...NOTHING }))];
    const alone: GeneratedText[][] = [];
    for (const prompt of prompts) alone.push(...(await withFailures([prompt], candidates, speak)));
    return alone;
  }
}

const NOTHING: GeneratedText = { response: "", stop: "failed", truncated: 0, tokens: 0 };
