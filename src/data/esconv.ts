import { expected, FormatError, NotFoundError, shown } from "../core/errors.js";
import type { HubOptions } from "../files/hub.js";
import { cellError, type Row, readTable, requireColumns, type Table, textAt } from "../files/table.js";
import { type Conversation, conversationOf, SPLITS, type Split, splitByHash, type Turn } from "./record.js";
import { type DataPlace, findSplits, type Loaded, openPlace, type SplitFiles } from "./splits.js";

/** The eight strategies of ESConv, in the authors' order. */
export const STRATEGIES = [
  "Question",
  "Restatement or Paraphrasing",
  "Reflection of feelings",
  "Self-disclosure",
  "Affirmation and Reassurance",
  "Providing Suggestions",
  "Information",
  "Others",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Other names in other copies, in lower case. */
const ALIASES: Record<string, Strategy> = {
  questions: "Question",
  other: "Others",
  restatement: "Restatement or Paraphrasing",
  "approval and reassurance": "Affirmation and Reassurance",
  "direct guidance": "Providing Suggestions",
};

const KNOWN = new Map<string, Strategy>([...Object.entries(ALIASES), ...STRATEGIES.map((name) => [name.toLowerCase(), name] as const)]);

/** Who speaks, in both turn schemas; in the authors' file of failed talks the one who seeks support is called `speaker`. */
const ROLES: Record<string, Turn["role"]> = {
  usr: "user",
  seeker: "user",
  speaker: "user",
  sys: "assistant",
  supporter: "assistant",
  listener: "assistant",
};

const FOLDERS = ["esconv", "ESConv_Original"];

/** ESConv: the seeker is `user`, the supporter `assistant`. See `readEsconv`. */
export async function loadEsconv(place: DataPlace = "Ashokajou51/ESConv_Original", options?: HubOptions): Promise<Conversation[]> {
  return (await readEsconv(place, options)).records;
}

/**
 * Reads `train`, `valid` and `test` files with a `dialog` in each row, or with one column `text` that holds the whole row as JSON. Both
 * turn schemas: `text`, `speaker` usr/sys, `strategy`; and `content`, `speaker` seeker/supporter, `annotation.strategy`. The authors'
 * `ESConv.json`, which has no splits, is split 80/10/10 by a hash of each row. Strategy names of other copies are put right; `counts` says
 * how many.
 * @throws FormatError that names file, row and column; NotFoundError where no file is found.
 */
export async function readEsconv(place: DataPlace, options?: HubOptions): Promise<Loaded<Conversation>> {
  const source = await openPlace(place, options);
  const whole = (await source.list()).find((path) => /(^|\/)ESConv\.json(\.gz)?$/.test(path));
  const files = await findSplits(source, FOLDERS).catch((error: unknown): SplitFiles => {
    if (whole && error instanceof NotFoundError) return { train: [], validation: [], test: [] };
    throw error;
  });
  const loaded: Loaded<Conversation> = { records: [], counts: {} };
  for (const split of SPLITS) {
    for (const path of files[split]) addTable(loaded, await readTable(source, path), () => split, "esconv");
  }
  if (whole && loaded.records.length === 0) addTable(loaded, await readTable(source, whole), (key) => splitByHash(key), "esconv");
  return loaded;
}

/** The talks that did not help (`FailedESConv.json`), all in `train`: material for rejected replies, never for chosen ones. */
export async function readFailedEsconv(place: DataPlace, options?: HubOptions): Promise<Loaded<Conversation>> {
  const source = await openPlace(place, options);
  const path = (await source.list()).find((name) => /(^|\/)FailedESConv\.json(\.gz)?$/.test(name));
  if (!path) throw new NotFoundError(expected(source.name, "a file FailedESConv.json", "none", "It is in the authors' repository"));
  const loaded: Loaded<Conversation> = { records: [], counts: {} };
  addTable(loaded, await readTable(source, path), () => "train", "esconv_failed");
  return loaded;
}

function addTable(loaded: Loaded<Conversation>, table: Table, splitOf: (key: string) => Split, source: string): void {
  if (!table.columns.includes("dialog"))
    requireColumns(table, ["text"], "An ESConv row has a dialog, or one text that holds the row as JSON");
  table.rows.forEach((row, i) => {
    const whole = table.columns.includes("dialog") ? row : jsonCell(table, i, "text");
    const split = splitOf(`${i}:${whole.situation}`);
    const turns = dialogOf(table, i, whole).map((turn, at) => turnOf(table, i, at, turn, loaded.counts));
    const word = (name: string) => (typeof whole[name] === "string" ? (whole[name] as string).trim() : null);
    loaded.records.push(
      conversationOf(
        {
          id: `${source}/${split}/${i + 1}`,
          source,
          split,
          emotion: word("emotion_type")?.toLowerCase() ?? null,
          problem: word("problem_type")?.toLowerCase() ?? null,
          situation: word("situation"),
        },
        turns,
      ),
    );
  });
}

function dialogOf(table: Table, i: number, row: Row): unknown[] {
  const dialog = typeof row.dialog === "string" ? parsed(table, i, "dialog", row.dialog) : row.dialog;
  if (Array.isArray(dialog)) return dialog;
  throw cellError(table, i, "dialog", "a list of turns", dialog);
}

function turnOf(table: Table, i: number, at: number, turn: unknown, counts: Record<string, number>): Turn {
  const fail = (what: string, got: unknown, remedy?: string) => cellError(table, i, `dialog[${at}]`, what, got, remedy);
  if (typeof turn !== "object" || turn === null) throw fail("a turn with text and speaker", turn);
  const { text, content, speaker, strategy, annotation } = turn as Record<string, unknown>;
  const said = text ?? content;
  if (typeof said !== "string") throw fail("a turn with its words as text (or content)", turn);
  const role = typeof speaker === "string" && Object.hasOwn(ROLES, speaker) ? ROLES[speaker] : undefined;
  if (!role) throw fail(`a speaker out of ${Object.keys(ROLES).join(", ")}`, speaker);
  const words = said.replace(/\s*[\r\n]+\s*/g, " ").trim();
  if (role === "user") return { role, content: words, strategy: null };
  const named = strategy ?? (annotation as { strategy?: unknown } | null | undefined)?.strategy ?? null;
  if (named === null) return { role, content: words, strategy: null };
  const known = typeof named === "string" ? strategyNamed(named) : null;
  if (!known) throw fail(`a strategy out of ${STRATEGIES.join(", ")}`, named, "Add the copy's name for it to ALIASES in data/esconv.ts");
  if (known !== named) counts[`${named} → ${known}`] = (counts[`${named} → ${known}`] ?? 0) + 1;
  return { role, content: words, strategy: known };
}

/** The strategy of that name, also in brackets, in another case or by another copy's name; null where it is none. */
export function strategyNamed(name: string): Strategy | null {
  return (
    KNOWN.get(
      name
        .trim()
        .replace(/^\[(.*)\]$/, "$1")
        .toLowerCase(),
    ) ?? null
  );
}

function jsonCell(table: Table, i: number, column: string): Row {
  const value = parsed(table, i, column, textAt(table, i, column));
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row;
  throw cellError(table, i, column, "an object as JSON", value);
}

function parsed(table: Table, i: number, column: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${table.at(i)}, column "${column}": expected JSON, got ${shown(text)} (${(error as Error).message})`);
  }
}
