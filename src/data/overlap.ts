import { type Conversation, type LabelledText, SPLITS, type Split } from "./record.js";

/** What two splits of a data set share. */
export type Overlap = {
  source: string;
  /** What is compared: a whole text or dialogue, or the situation that it is about. */
  of: "text" | "dialogue" | "situation";
  /** Two splits; the same one twice: repeats within it. */
  between: [Split, Split];
  /** Records of the second split whose text is in the first; within one split, records that repeat an earlier one. */
  records: number;
  /** The same with upper and lower case, spaces and punctuation disregarded. */
  nearly: number;
  /** Records in the second split. */
  outOf: number;
};

/**
 * Counts, for each data set, what its splits have in common: learned texts that come again where something is measured. Zeros are listed
 * too.
 */
export function overlaps(data: { conversations?: readonly Conversation[]; texts?: readonly LabelledText[] }): Overlap[] {
  const items: Item[] = [];
  for (const { source, split, text } of data.texts ?? []) items.push({ source, split, of: "text", text });
  for (const { source, split, messages, situation } of data.conversations ?? []) {
    items.push({ source, split, of: "dialogue", text: messages.map((message) => message.content).join("\n") });
    if (situation) items.push({ source, split, of: "situation", text: situation });
  }
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = `${item.source}\n${item.of}`;
    groups.set(key, groups.get(key) ?? []);
    groups.get(key)!.push(item);
  }
  return [...groups.values()].flatMap(compare);
}

type Item = { source: string; split: Split; of: Overlap["of"]; text: string };

/** Letters and digits only, in lower case. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();

function compare(items: Item[]): Overlap[] {
  const { source, of } = items[0]!;
  const texts = (split: Split, form: (text: string) => string) => items.flatMap((item) => (item.split === split ? [form(item.text)] : []));
  const exact = new Map(SPLITS.map((split) => [split, texts(split, (text) => text)]));
  const folded = new Map(SPLITS.map((split) => [split, texts(split, plain)]));
  const result: Overlap[] = [];
  SPLITS.forEach((first, i) => {
    for (const second of SPLITS.slice(i)) {
      if (exact.get(first)!.length === 0 || exact.get(second)!.length === 0) continue;
      const count = (forms: Map<Split, string[]>) =>
        first === second ? repeats(forms.get(first)!) : shared(forms.get(first)!, forms.get(second)!);
      const outOf = exact.get(second)!.length;
      result.push({ source, of, between: [first, second], records: count(exact), nearly: count(folded), outOf });
    }
  });
  return result;
}

const repeats = (texts: string[]): number => texts.length - new Set(texts).size;

function shared(known: string[], texts: string[]): number {
  const set = new Set(known);
  return texts.filter((text) => set.has(text)).length;
}
