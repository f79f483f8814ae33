import type { EqResults, EqRow } from "../eval/eq-rows.js";
import type { ScoredSample } from "./charts/sample-breakdown.js";
import type { OpenRow } from "./open-table.js";

/** The part of the results that samples are made of; `samples.jsonl` has it too. */
export type SampleSource = Pick<EqResults, "rows" | "controls" | "settings">;

/** Whose samples; without a seed those of the first seed that is there. */
export type SampleChoice = { variant: string; configuration?: string; seed?: number };

/** A variant's responses with everything that their scores are made of, one for each question. */
export function scoredSamples({ rows, controls, settings }: SampleSource, choice: SampleChoice): ScoredSample[] {
  const references = referencesOf(controls);
  const labels = String(settings.labels ?? "").split(", ");
  return chosen(rows, choice).map((row) => {
    const { questionId, variant, configuration, seed, perLabel, alignment, eq, official, prompt, response } = row;
    const emotions = references.get(questionId) ?? [];
    return {
      ...{ id: questionId, by: `${variant} · ${configuration}${seed ? ` · seed ${seed}` : ""}`, alignment, eq, prompt, response },
      mass: Object.fromEntries(labels.map((label) => [label, perLabel[label as keyof typeof perLabel] ?? 0])),
      official: official.score,
      reason: official.reason,
      emotions: emotions.map((emotion, i) => ({ ...emotion, answer: official.scores?.[i] ?? null })),
    };
  });
}

/** The same as rows of an open table, the highest score first. */
export function sampleRows({ rows }: SampleSource, choice: SampleChoice): OpenRow[] {
  const own = [...chosen(rows, choice)].sort((a, b) => b.eq - a.eq);
  return own.map(({ questionId, eq, mass, alignment, official, tokens, strategy, prompt, response }) => ({
    cells: {
      ...{
        question: questionId,
        EQ: rounded(eq),
        mass: rounded(mass),
        alignment: rounded(alignment),
        official: rounded(official.score),
        tokens,
      },
      strategy: strategy ? strategy.realised : null,
      response: response.length > 60 ? `${response.slice(0, 60)}…` : response,
    },
    texts: [
      { name: "response", text: response },
      { name: "prompt", text: prompt },
    ],
  }));
}

const rounded = (value: number | null): number | null => (value === null ? null : Math.round(1000 * value) / 1000);

function chosen(rows: readonly EqRow[], { variant, configuration = "No Heads (Baseline)", seed }: SampleChoice): EqRow[] {
  const own = rows.filter((row) => row.variant === variant && row.configuration === configuration);
  const wanted = seed ?? own[0]?.seed;
  return own.filter((row) => row.seed === wanted);
}

/** By question: the reference's emotions and intensities, which one of the controls answers with. */
function referencesOf(controls: readonly EqRow[]): Map<string, { name: string; reference: number }[]> {
  const answers = controls.filter(({ configuration }) => configuration === "Reference-style answer");
  return new Map(
    answers.map(({ questionId, response }) => [
      questionId,
      response.split("\n").map((line) => {
        const at = line.lastIndexOf(":");
        return { name: line.slice(0, at), reference: Number(line.slice(at + 1)) };
      }),
    ]),
  );
}
