import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { startEngine } from "../core/engine.js";
import { expected, NotFoundError } from "../core/errors.js";
import { loadEqBench } from "../data/eq-bench.js";
import type { EqQuestion } from "../data/record.js";
import { world } from "../data/world.js";
import { parseAnswers } from "../eval/eq-bench-answers.js";
import { type AnswerEvent, type AnswerOptions, answerQuestions, PROMPTINGS, type Prompting } from "../eval/eq-bench-generate.js";
import { type EqBenchReport, reportAnswers } from "../eval/eq-bench-report.js";
import { writeFileSafely } from "../files/write.js";
import { loadAdapter } from "../models/adapter-files.js";
import { disposeModel } from "../models/create.js";
import { loadModel } from "../models/load.js";
import { root } from "../setup/paths.mjs";
import { reportText } from "./eqbench-text.js";

export const HELP = `eqlab eqbench: EQ-Bench by its authors' rules and by lm-evaluation-harness's

  eqlab eqbench score --answers FILE.jsonl [--version v1|v2] [--questions FILE] [--[no-]revision] [--json]
      scores answers, one {"id", "response"} a line; a question without an answer counts as unusable
  eqlab eqbench run --model DIR|ID --out DIR [--adapter DIR] [--limit N] [--revision] [--version v1|v2] [--questions FILE] [--json]
      answers the questions greedily and scores the answers; the same command goes on after a break
      --attempts 3 asks again, sampled, where an answer cannot be parsed, as the authors' runner does; once unless told
      writes answers.jsonl, report.json and run.json; --prompting ${PROMPTINGS.join("|")}, --tokens N and --batch N change how it asks

  --questions   the authors' JSON file, a table as on the Hub, or a folder or Hub id that holds one; the embedded questions unless told
  --revision    answers have a first pass, a critique and revised scores; so in version 1 unless told --no-revision
  --json        prints the report as JSON instead of tables`;

/** `eqlab eqbench score` and `eqlab eqbench run`. @throws RangeError for bad arguments; FormatError for bad files. */
export async function eqbench([command, ...args]: string[]): Promise<void> {
  if (command === "score") return score(args);
  if (command === "run") return run(args);
  throw new RangeError(`${expected("eqbench", "score or run", command ?? "")}\n\n${HELP}`);
}

const SHARED = {
  version: { type: "string", default: "v2" },
  questions: { type: "string" },
  revision: { type: "boolean" },
  json: { type: "boolean", default: false },
} as const;

type Asked = { questions: EqQuestion[]; version: 1 | 2; revision: boolean };

async function score(args: string[]): Promise<void> {
  const options = { ...SHARED, answers: { type: "string" } } as const;
  const { values } = parseArgs({ args, allowNegative: true, options });
  if (!values.answers) throw new RangeError(`${expected("--answers", "a file of JSON lines", "nothing")}\n\n${HELP}`);
  const asked = await askedOf(values);
  const text = await readFile(values.answers, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new NotFoundError(expected("--answers", "a file of JSON lines", `no file at ${values.answers} (ENOENT)`));
  });
  const ids = asked.questions.map(({ id }) => id);
  print(reportAnswers(asked.questions, parseAnswers(text, ids, basename(values.answers)), asked), asked.questions, values.json);
}

async function run(args: string[]): Promise<void> {
  const texts = { model: { type: "string" }, adapter: { type: "string" }, out: { type: "string" }, prompting: { type: "string" } } as const;
  const number = { type: "string" } as const;
  const numbers = { limit: number, tokens: number, batch: number, attempts: number };
  const { values } = parseArgs({ args, allowNegative: true, options: { ...SHARED, ...texts, ...numbers } });
  const { model: place, adapter, out, prompting } = values;
  if (!place || !out) throw new RangeError(`${expected("eqbench run", "--model and --out", args.join(" "))}\n\n${HELP}`);
  const [limit, maxNewTokens, batchSize, attempts] = (["limit", "tokens", "batch", "attempts"] as const).map((name) =>
    numberOf(`--${name}`, values[name]),
  );
  const all = await askedOf(values);
  const questions = all.questions.slice(0, limit ?? all.questions.length);
  const partial = questions.length < all.questions.length ? `the first ${questions.length} of ${all.questions.length} questions` : null;
  await mkdir(out, { recursive: true });
  const began = performance.now();
  const { done, model } = await answered(place, adapter, {
    ...{ questions, revision: all.revision, folder: join(out, "generations") },
    ...(prompting === undefined ? {} : { prompting: prompting as Prompting }),
    ...(maxNewTokens === undefined ? {} : { maxNewTokens }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(attempts === undefined ? {} : { attempts }),
  });
  const report = reportAnswers(questions, done.answers, { ...all, partial });
  const record = {
    ...{ command: ["eqlab", "eqbench", "run", ...args], partial, ...(await versions()), model },
    questions: {
      ...{ source: values.questions ?? "embedded", version: `v${all.version}`, revision: all.revision },
      ...{ asked: questions.length, available: all.questions.length, sha256: hashOf(questions) },
    },
    ...{ settings: done.settings, counts: countsOf(done), seconds: (performance.now() - began) / 1000, totals: report.totals },
  };
  await writeFileSafely(join(out, "answers.jsonl"), done.answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
  await writeFileSafely(join(out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFileSafely(join(out, "run.json"), `${JSON.stringify(record, null, 2)}\n`);
  print(report, questions, values.json);
}

/** The answers of a model, which is freed. */
async function answered(place: string, adapter: string | undefined, options: Omit<AnswerOptions, "model">) {
  let model = await loadModel(place);
  try {
    if (adapter !== undefined) model = await loadAdapter(model, adapter);
    const about = { ...model.source, type: model.config.modelType, adapter: adapter ?? null };
    return { done: await followed(answerQuestions({ model, ...options })), model: about };
  } finally {
    disposeModel(model);
  }
}

/** Tells the progress on the error stream, so that the report can be piped. */
async function followed(events: AsyncGenerator<AnswerEvent>): Promise<Extract<AnswerEvent, { kind: "done" }>> {
  for await (const event of events) {
    if (event.kind === "done") return event;
    const known = event.cached > 0 ? `, ${event.cached} from before` : "";
    const again = event.attempt > 1 ? `attempt ${event.attempt}: ` : "";
    console.error(`${again}answered ${event.done} of ${event.total}${known}`);
  }
  throw new Error("eqbench run: it ended without answers");
}

async function askedOf(values: { version: string; questions?: string | undefined; revision?: boolean | undefined }): Promise<Asked> {
  const version = values.version === "v1" ? 1 : values.version === "v2" ? 2 : null;
  if (version === null) throw new RangeError(expected("--version", "v1 or v2", values.version));
  const revision = values.revision ?? version === 1;
  // The embedded questions have the references of both versions in one file.
  const questions = await loadEqBench(values.questions ?? world("eq_bench"), { version: values.questions ? version : 2, revise: revision });
  if (questions.length === 0) throw new RangeError(expected("--questions", "at least one question", values.questions));
  return { questions, version, revision };
}

function print(report: EqBenchReport, questions: readonly EqQuestion[], json: boolean): void {
  console.log(json ? JSON.stringify(report, null, 2) : reportText(report, questions));
}

/** Answers that are no full answers: counted, never left out. */
function countsOf({ answers, cached }: Extract<AnswerEvent, { kind: "done" }>) {
  const count = (holds: (answer: (typeof answers)[number]) => boolean): number => answers.filter(holds).length;
  return {
    answers: answers.length,
    fromBefore: cached,
    askedAgain: count(({ attempt }) => attempt > 1),
    empty: count(({ response }) => response.trim() === ""),
    atTokenLimit: count(({ stop }) => stop === "length"),
    notFinite: count(({ stop }) => stop === "failed"),
    promptsCut: count(({ truncated }) => truncated > 0),
  };
}

async function versions(): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const { name, device } = await startEngine();
  return { eqlab: version, node: process.version, engine: `${name}, ${device}`, at: new Date().toISOString() };
}

const hashOf = (questions: readonly EqQuestion[]): string => createHash("sha256").update(JSON.stringify(questions)).digest("hex");

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(expected(name, "a whole number, at least 1", text));
  return value;
}
