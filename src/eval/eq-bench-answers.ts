import { expected, FormatError } from "../core/errors.js";

/** An answer to one question, as somebody's model gave it. */
export type EqAnswer = { id: string; response: string };

/**
 * Reads answers, one JSON object `{"id", "response"}` a line; other fields and empty lines do not matter, and an id may be a number.
 * @param ids The ids that there are.
 * @throws FormatError that names file and line for a line of another form, for an id that there is not, or an id twice.
 */
export function parseAnswers(text: string, ids: readonly string[], file: string): EqAnswer[] {
  const known = new Set(ids);
  const seen = new Map<string, number>();
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const at = `${file} line ${i + 1}`;
    const answer = answerOf(line, at);
    if (!known.has(answer.id)) {
      const some = `the id of a question (${ids.slice(0, 3).join(", ")}, ... ${ids.at(-1)})`;
      throw new FormatError(expected(at, some, answer.id, "Were other questions answered? Name theirs with --questions"));
    }
    const before = seen.get(answer.id);
    if (before !== undefined) {
      throw new FormatError(expected(at, "each id once", answer.id, `Line ${before} has it too`));
    }
    seen.set(answer.id, i + 1);
    return [answer];
  });
}

function answerOf(line: string, at: string): EqAnswer {
  const form = 'a JSON object {"id": ..., "response": "..."}';
  let parsed: unknown;
  try {
    parsed = JSON.parse(line.replace(/^\ufeff/, ""));
  } catch {
    throw new FormatError(expected(at, form, line));
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new FormatError(expected(at, form, parsed));
  const { id, response } = parsed as Record<string, unknown>;
  if (typeof id !== "string" && typeof id !== "number") throw new FormatError(expected(`${at}, "id"`, "a text or a number", id));
  if (typeof response !== "string") {
    throw new FormatError(expected(`${at}, "response"`, "a text", response, 'An answer that is not there is ""'));
  }
  return { id: String(id), response };
}
