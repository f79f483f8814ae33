import { expected, FormatError } from "../core/errors.js";
import type { HubOptions } from "../files/hub.js";
import { cellError, numberAt, readTable, requireColumns, type Table, textAt } from "../files/table.js";
import { type Conversation, conversationOf, SPLITS, type Split, splitByHash, type Turn } from "./record.js";
import { type DataPlace, findSplits, type Loaded, openPlace } from "./splits.js";

const COLUMNS = ["conv_id", "utterance_idx", "context", "prompt", "actor", "speaker_idx", "utterance"];
const FOLDERS = ["empathetic_dialogues", "empatheticdialogues"];

/** EmpatheticDialogues: the person with the feeling is `user`, the listener `assistant`. See `readEmpatheticDialogues`. */
export async function loadEmpatheticDialogues(
  place: DataPlace = "DianaW/empathetic_dialogues",
  options?: HubOptions,
): Promise<Conversation[]> {
  return (await readEmpatheticDialogues(place, options)).records;
}

/**
 * Reads every layout that is known: `prompt` and `utterance` with, where there are any, `conv_id`, `utterance_idx`, `context` (the
 * emotion), `actor` or `speaker_idx`. Without `conv_id`, successive rows of one prompt are a conversation. Who speaks is read from `actor`,
 * else from odd and even `utterance_idx`, else from who opened, else from odd and even places. `_comma_` becomes a comma.
 *
 * A file that holds speaker turns only, as the validation and test files of `DianaW/empathetic_dialogues` do, has no reply to learn or
 * measure: it is left out, and a tenth of train each (by a hash of the situation) takes its place. `counts` says so.
 * @throws FormatError that names file, row and column; NotFoundError where no split is found.
 */
export async function readEmpatheticDialogues(place: DataPlace, options?: HubOptions): Promise<Loaded<Conversation>> {
  const source = await openPlace(place, options);
  const files = await findSplits(source, FOLDERS);
  const records: Conversation[] = [];
  const counts: Record<string, number> = {};
  const withoutReplies = new Set<Split>();
  for (const split of SPLITS) {
    for (const path of files[split]) {
      const table = await readTable(source, path, { select: COLUMNS, quoting: "either" });
      requireColumns(table, ["prompt", "utterance"], "EmpatheticDialogues has a situation (prompt) and a turn (utterance) in each row");
      const groups = conversations(table);
      if (speakerTurnsOnly(table, groups)) {
        counts[`${path}: speaker turns only, left out`] = table.rows.length;
        withoutReplies.add(split);
        continue;
      }
      for (const [i, rows] of groups.entries()) records.push(conversation(table, rows, split, i));
    }
  }
  if (withoutReplies.size > 0 && !records.some((record) => record.split !== "train")) {
    for (const record of records) {
      const split = splitByHash(record.situation ?? record.id);
      if (!withoutReplies.has(split)) continue;
      record.split = split;
      counts[`moved from train to ${split}`] = (counts[`moved from train to ${split}`] ?? 0) + 1;
    }
  }
  return { records, counts };
}

/** The situation's and the turns' text as people wrote it: the files write each comma as `_comma_`. */
const withCommas = (text: string): string => text.replaceAll("_comma_", ",").trim();

/** Row numbers of each conversation, in order of its turns. */
function conversations(table: Table): number[][] {
  const byId = table.columns.includes("conv_id");
  const groups = new Map<string, number[]>();
  let run = -1;
  let previous: string | undefined;
  table.rows.forEach((_row, i) => {
    const key = textAt(table, i, byId ? "conv_id" : "prompt");
    if (!byId && key !== previous) run++;
    previous = key;
    const group = byId ? key : String(run);
    const rows = groups.get(group);
    if (rows) rows.push(i);
    else groups.set(group, [i]);
  });
  const all = [...groups.values()];
  if (!table.columns.includes("utterance_idx")) return all;
  for (const rows of all) {
    const turn = new Map(rows.map((i) => [i, numberAt(table, i, "utterance_idx")]));
    if (new Set(turn.values()).size < rows.length) {
      throw new FormatError(expected(table.at(rows[0]!), "each utterance_idx once in its conversation", [...turn.values()]));
    }
    rows.sort((a, b) => turn.get(a)! - turn.get(b)!);
  }
  return all;
}

/** With turn numbers: no even one. Without any: half of the conversations are shorter than the four turns that nearly all of them have. */
function speakerTurnsOnly(table: Table, groups: number[][]): boolean {
  if (table.columns.includes("actor")) return table.rows.every((row) => row.actor === "speaker");
  if (table.columns.includes("utterance_idx")) return table.rows.every((_row, i) => numberAt(table, i, "utterance_idx") % 2 === 1);
  return groups.filter((rows) => rows.length < 4).length * 2 > groups.length;
}

function conversation(table: Table, rows: number[], split: Split, place: number): Conversation {
  const first = rows[0]!;
  const has = (column: string) => table.columns.includes(column);
  const turns = rows.map((i, at): Turn => ({ role: roleOf(table, i, at, first), content: withCommas(textAt(table, i, "utterance")) }));
  return conversationOf(
    {
      id: has("conv_id") ? textAt(table, first, "conv_id") : `${split}/${place + 1}`,
      source: "empathetic_dialogues",
      split,
      emotion: has("context") ? textAt(table, first, "context").trim() : null,
      situation: withCommas(textAt(table, first, "prompt")),
    },
    turns,
  );
}

function roleOf(table: Table, i: number, at: number, first: number): Turn["role"] {
  if (table.columns.includes("actor")) {
    const actor = textAt(table, i, "actor");
    if (actor === "speaker") return "user";
    if (actor === "listener") return "assistant";
    throw cellError(table, i, "actor", '"speaker" or "listener"', actor);
  }
  if (table.columns.includes("utterance_idx")) return numberAt(table, i, "utterance_idx") % 2 === 1 ? "user" : "assistant";
  if (table.columns.includes("speaker_idx")) {
    return String(table.rows[i]!.speaker_idx) === String(table.rows[first]!.speaker_idx) ? "user" : "assistant";
  }
  return at % 2 === 0 ? "user" : "assistant";
}
