import { expected, NotFoundError } from "../core/errors.js";
import type { HubOptions } from "../files/hub.js";
import type { FileSource } from "../files/source.js";
import { cellError, numberAt, readTable, requireColumns, type Table, textAt } from "../files/table.js";
import { type Conversation, conversationOf, type LabelledText, SPLITS, splitByHash } from "./record.js";
import { type DataPlace, findSplits, type Loaded, openPlace } from "./splits.js";

// biome-ignore format: four rows of seven
/** The 28 labels of GoEmotions; a label's number is its place here. */
export const GO_EMOTIONS = [
  "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion",
  "curiosity", "desire", "disappointment", "disapproval", "disgust", "embarrassment", "excitement",
  "fear", "gratitude", "grief", "joy", "love", "nervousness", "optimism",
  "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
] as const;

const FOLDERS = ["simplified", "goemotions", "go_emotions", "goemotions/simplified", "go_emotions/simplified"];

/** Raters who must agree on a label of the raw data, as the authors had it for the simplified data. */
const AGREEING_RATERS = 2;

export type GoEmotionsOptions = HubOptions & {
  /** `simplified`: the authors' splits. `raw`: one row per rater, put together here. */
  configuration?: "simplified" | "raw";
};

/** GoEmotions: short comments with one or more of 28 labels. See `readGoEmotions`. */
export async function loadGoEmotions(
  place: DataPlace = "google-research-datasets/go_emotions",
  options?: GoEmotionsOptions,
): Promise<LabelledText[]> {
  return (await readGoEmotions(place, options)).records;
}

/**
 * `simplified`: the authors' tsv without a header (text, label numbers with commas, id), or parquet, csv or JSON with columns text, labels,
 * id. `raw`: rows of single raters; those marked `example_very_unclear` are dropped, a comment keeps the labels that at least two raters
 * gave, and is dropped where there is none; having no splits, it is split 80/10/10 by a hash of the comment's id. `counts` says how many.
 * @throws FormatError that names file, row and column; NotFoundError where no file is found.
 */
export async function readGoEmotions(place: DataPlace, options: GoEmotionsOptions = {}): Promise<Loaded<LabelledText>> {
  const source = await openPlace(place, options);
  if (options.configuration === "raw") return readRaw(source);
  const files = await findSplits(source, FOLDERS);
  const records: LabelledText[] = [];
  for (const split of SPLITS) {
    for (const path of files[split]) {
      const headerless = /\.tsv(\.gz)?$/i.test(path);
      const table = await readTable(source, path, headerless ? { columns: ["text", "labels", "id"] } : {});
      requireColumns(table, ["text", "labels"], "The simplified GoEmotions has text, labels and id");
      const named = table.columns.includes("id");
      table.rows.forEach((_row, i) => {
        const id = named ? textAt(table, i, "id") : `${split}/${i + 1}`;
        records.push({ id, source: "go_emotions", split, text: textAt(table, i, "text"), labels: labelsAt(table, i) });
      });
    }
  }
  return { records, counts: {} };
}

/** Naming the feelings in a text as a dialogue of two turns, to be learned beside real dialogues. */
export function emotionConversation(text: LabelledText): Conversation {
  const { id, source, split } = text;
  return conversationOf({ id, source, split, emotion: GO_EMOTIONS[text.labels[0]!] ?? null, situation: null }, [
    { role: "user", content: `Which emotions does this message show?\n${text.text}` },
    { role: "assistant", content: text.labels.map((label) => GO_EMOTIONS[label]).join(", ") },
  ]);
}

function labelsAt(table: Table, i: number): number[] {
  const value = table.rows[i]!.labels;
  const list =
    typeof value === "string"
      ? value
          .replace(/^\[(.*)\]$/, "$1")
          .split(",")
          .map((part) => (part.trim() ? Number(part) : Number.NaN))
      : value;
  const valid =
    Array.isArray(list) && list.length > 0 && list.every((label) => Number.isInteger(label) && label >= 0 && label < GO_EMOTIONS.length);
  if (!valid) throw cellError(table, i, "labels", `label numbers from 0 to ${GO_EMOTIONS.length - 1}`, value);
  return [...new Set(list as number[])].sort((a, b) => a - b);
}

async function readRaw(source: FileSource): Promise<Loaded<LabelledText>> {
  const paths = (await source.list()).filter((path) => /(^|\/)(raw\/(train|.*\.parquet)|goemotions_\d+\.csv)/i.test(path));
  if (paths.length === 0) {
    throw new NotFoundError(
      expected(source.name, "raw/train*.parquet or goemotions_1.csv, ...", await source.list(), "Or ask for simplified"),
    );
  }
  const comments = new Map<string, { text: string; votes: Uint8Array }>();
  let unclear = 0;
  for (const path of paths) {
    const table = await readTable(source, path, { select: ["text", "id", "example_very_unclear", ...GO_EMOTIONS] });
    requireColumns(table, ["text", "id", "example_very_unclear", ...GO_EMOTIONS], "The raw GoEmotions has one column a label");
    table.rows.forEach((row, i) => {
      if (row.example_very_unclear === true || /^true$/i.test(String(row.example_very_unclear))) {
        unclear++;
        return;
      }
      const id = textAt(table, i, "id");
      const comment = comments.get(id) ?? { text: textAt(table, i, "text"), votes: new Uint8Array(GO_EMOTIONS.length) };
      comments.set(id, comment);
      GO_EMOTIONS.forEach((name, label) => {
        const vote = numberAt(table, i, name);
        if (vote !== 0 && vote !== 1) throw cellError(table, i, name, "0 or 1", vote);
        comment.votes[label]! += vote;
      });
    });
  }
  const records = [...comments].flatMap(([id, { text, votes }]): LabelledText[] => {
    const labels = [...votes.keys()].filter((label) => votes[label]! >= AGREEING_RATERS);
    return labels.length > 0 ? [{ id, source: "go_emotions", split: splitByHash(id), text, labels }] : [];
  });
  return { records, counts: { "ratings marked very unclear": unclear, "comments without agreement": comments.size - records.length } };
}
