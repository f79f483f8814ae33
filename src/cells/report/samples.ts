import { cut } from "../../core/cut.js";
import type { EqRow } from "../../eval/eq-rows.js";
import { distinctCount, groupsBy } from "../../eval/groups.js";
import { escapeHtml } from "../html.js";
import { fixed } from "../style.js";

const BASELINE = "No Heads (Baseline)";
/** Of all responses and of all prompts: the page stays below 1.5 MB for 171 questions. */
const RESPONSE_CHARACTERS = 260_000;
const PROMPT_CHARACTERS = 260_000;

/** Every question as a line that opens to its prompt and to what the variants answered; one seed, long texts cut. */
export function samplesHtml(rows: readonly EqRow[], headline: string): { html: string; shown: string } {
  const seed = rows[0]?.seed ?? 0;
  const own = rows.filter((row) => row.seed === seed && (row.configuration === BASELINE || row.variant === headline));
  const questions = distinctCount(own, ({ questionId }) => questionId);
  const limit = bounded(RESPONSE_CHARACTERS / Math.max(own.length, 1), 80, 1500);
  const promptLimit = bounded(PROMPT_CHARACTERS / Math.max(questions, 1), 200, 4000);
  const html = groupsBy(own, ({ questionId }) => [questionId])
    .map((group) => question(group, limit, promptLimit))
    .join("");
  const shown = `Seed ${seed}; responses cut at ${limit} characters, prompts at ${promptLimit}. All seeds, candidates and whole texts are in samples.jsonl. Left out in print.`;
  return { html, shown };
}

const bounded = (value: number, low: number, high: number): number => Math.floor(Math.max(low, Math.min(high, value)));

function question(rows: readonly EqRow[], limit: number, promptLimit: number): string {
  const baselines = rows.filter(({ configuration }) => configuration === BASELINE);
  const scores = baselines.map(({ variant, eq }) => `${variant} ${fixed(eq)}`).join(", ");
  const lines = rows.map(
    ({ variant, configuration, eq, alignment, official, response }) =>
      `<tr><td>${escapeHtml(configuration === BASELINE ? variant : `${variant}, ${configuration}`)}</td><td class="n">${fixed(eq, 3)}</td>` +
      `<td class="n">${alignment === null ? "–" : fixed(alignment)}</td><td class="n">${official.score === null ? "–" : fixed(official.score, 1)}</td>` +
      `<td class="said">${escapeHtml(cut(response, limit))}</td></tr>`,
  );
  const { questionId, prompt } = rows[0]!;
  return (
    `<details><summary>Question ${escapeHtml(questionId)}: EQ ${escapeHtml(scores)}</summary>` +
    `<table><tr><th>who</th><th class="n">EQ</th><th class="n">align.</th><th class="n">official</th><th>response</th></tr>${lines.join("")}</table>` +
    `<pre>${escapeHtml(cut(prompt, promptLimit))}</pre></details>`
  );
}
