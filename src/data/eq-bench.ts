import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { expected, FormatError, NotFoundError } from "../core/errors.js";
import type { HubOptions } from "../files/hub.js";
import { type FileSource, folderSource } from "../files/source.js";
import { readTable, requireColumns, textAt } from "../files/table.js";
import { parsePythonLiteral } from "./python-literal.js";
import type { EqQuestion } from "./record.js";
import { type DataPlace, findSplits, openPlace } from "./splits.js";

const FOLDERS = ["eq_bench", "EQ-Bench"];

export type EqBenchOptions = HubOptions & {
  /** Of the authors' JSON files: 2 has 171 questions, 1 has 60. A `validation` table, as on the Hub, holds version 2. */
  version?: 1 | 2;
  /** Keeps the request to criticise and revise the answer, as version 2.0 and before had it. Only the authors' files have it. Default `false`. */
  revise?: boolean;
};

/**
 * EQ-Bench questions, in the order of the file; an id counts from "1", as the authors have it. From the Hub's `validation` table, whose
 * references are Python dicts as text, or from the authors' `eq_bench_v1|v2_questions_*.json`, whose prompts are brought to the v2.1
 * wording. `place` may also be a file of either kind, of any name.
 * @throws FormatError that names file and question; NotFoundError where no file is found.
 */
export async function loadEqBench(place: DataPlace = "pbevan11/EQ-Bench", options: EqBenchOptions = {}): Promise<EqQuestion[]> {
  const { version = 2, revise = false } = options;
  if (typeof place === "string" && (await isFile(place))) return fromFile(place, revise);
  const source = await openPlace(place, options);
  if (version === 2 && !revise) {
    const files = await findSplits(source, FOLDERS).catch((error: unknown) => {
      if (error instanceof NotFoundError) return null;
      throw error;
    });
    if (files?.validation.length) return (await Promise.all(files.validation.map((path) => fromTable(source, path)))).flat();
  }
  const path = (await source.list()).find((name) => new RegExp(`(^|/)eq_bench_v${version}_questions_\\d+\\.json$`).test(name));
  if (path) return fromJson(source, path, revise);
  const what = `a file validation.csv (or .parquet) or eq_bench_v${version}_questions_*.json`;
  throw new NotFoundError(
    expected(source.name, what, (await source.list()).slice(0, 8), "Give the folder of EQ-Bench, or its id on the Hub"),
  );
}

/** The v2.1 prompt: without the request to criticise and revise the answer, and with `Your answer:` at the end. */
export function withoutRevision(prompt: string): string {
  const trimmed = prompt.trim();
  if (/\n\nYour answer:$/.test(trimmed)) return trimmed;
  const cut = trimmed
    .replace(" Then critique your answer by thinking it through step by step. Finally, give your revised scores.", "")
    .replace("\nFirst pass scores:\n", "\n")
    .replace(/\nCritique: <your critique here>[\s\S]*?\n\[End of answer\]/, "\n\n[End of answer]");
  return `${cut}\n\nYour answer:`;
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isFile() ?? false;

async function fromFile(path: string, revise: boolean): Promise<EqQuestion[]> {
  const source = folderSource(dirname(path));
  if (path.toLowerCase().endsWith(".json")) return fromJson(source, basename(path), revise);
  if (!revise) return fromTable(source, basename(path));
  throw new FormatError(expected(path, "the authors' JSON file, whose prompts ask to revise the answer", basename(path)));
}

async function fromTable(source: FileSource, path: string): Promise<EqQuestion[]> {
  const table = await readTable(source, path);
  requireColumns(table, ["prompt", "reference_answer", "reference_answer_fullscale"], "EQ-Bench has a prompt and two references");
  return table.rows.map((row, i) => {
    const reference = (column: string) => {
      const value = row[column];
      return typeof value === "string" ? literal(value, `${table.at(i)}, column "${column}"`) : value;
    };
    const answers = { normalised: reference("reference_answer"), fullscale: reference("reference_answer_fullscale") };
    return question(table.at(i), String(i + 1), textAt(table, i, "prompt"), answers);
  });
}

async function fromJson(source: FileSource, path: string, revise: boolean): Promise<EqQuestion[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(await source.read(path)));
  } catch (error) {
    throw new FormatError(`${path}: expected JSON, got an error: ${(error as Error).message}`);
  }
  if (Array.isArray(parsed) && !revise) return fromTable(source, path);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new FormatError(expected(path, "an object of questions by id", parsed));
  return Object.entries(parsed).map(([id, entry]) => {
    const { prompt, reference_answer, reference_answer_fullscale } = (entry ?? {}) as Record<string, unknown>;
    const at = `${path} question ${JSON.stringify(id)}`;
    if (typeof prompt !== "string") throw new FormatError(expected(`${at}, prompt`, "text", prompt));
    if (revise && !prompt.includes("Revised scores:"))
      throw new FormatError(expected(`${at}, prompt`, 'a request for "Revised scores:"', prompt));
    const read = question(at, id, prompt, { normalised: reference_answer, fullscale: reference_answer_fullscale });
    return revise ? { ...read, prompt: prompt.trim() } : read;
  });
}

function literal(text: string, at: string): unknown {
  try {
    return parsePythonLiteral(text);
  } catch (error) {
    throw new FormatError(`${at}: ${(error as Error).message}`);
  }
}

function question(at: string, id: string, prompt: string, answers: { normalised: unknown; fullscale: unknown }): EqQuestion {
  const normalised = ratings(`${at}, reference_answer`, answers.normalised);
  const fullscale = ratings(`${at}, reference_answer_fullscale`, answers.fullscale);
  if (normalised.emotions.join() !== fullscale.emotions.join()) {
    throw new FormatError(expected(at, `the same four emotions in both references (${normalised.emotions})`, fullscale.emotions));
  }
  return { id, prompt: withoutRevision(prompt), emotions: normalised.emotions, reference: normalised.scores, fullscale: fullscale.scores };
}

/** The four emotions and their scores, which the files write as numbers and as texts side by side. */
function ratings(at: string, answer: unknown): { emotions: EqQuestion["emotions"]; scores: number[] } {
  if (typeof answer !== "object" || answer === null) throw new FormatError(expected(at, "emotion1..4 and emotion1_score..4_score", answer));
  const fields = answer as Record<string, unknown>;
  const numbers = [1, 2, 3, 4];
  const emotions = numbers.map((n) => {
    const name = fields[`emotion${n}`];
    if (typeof name === "string" && /^\w+$/.test(name)) return name;
    throw new FormatError(expected(`${at}, emotion${n}`, "a name of one word", name));
  });
  const scores = numbers.map((n) => {
    const score = fields[`emotion${n}_score`];
    const value = typeof score === "string" && score.trim() !== "" ? Number(score) : score;
    if (typeof value === "number" && value >= 0 && value <= 10) return value;
    throw new FormatError(expected(`${at}, emotion${n}_score`, "a number from 0 to 10", score));
  });
  return { emotions: emotions as EqQuestion["emotions"], scores };
}
