import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Generation } from "../generate/row.js";

/** A generated text, as it is kept and reported. */
export type GeneratedText = {
  response: string;
  /** How it ended: by EOS, by a stop of the template, at the limit; or `failed`, where the model gave no finite numbers. */
  stop: Generation["stop"] | "failed";
  /** How many tokens of the prompt did not fit the model. */
  truncated: number;
  /** Generated tokens, the one that ended it included. */
  tokens: number;
};

export const generatedText = ({ text, stop, truncated, ids }: Generation): GeneratedText => ({
  ...{ response: text, stop, truncated },
  tokens: ids.length,
});

/** Texts generated before, by item and prompt. */
type GenerationCache = {
  find(id: string, prompt: string): GeneratedText[] | undefined;
  /** Writes at once, so that a run that is killed loses only what was in the making. */
  add(entries: readonly { id: string; prompt: string; texts: GeneratedText[] }[]): Promise<void>;
};

/** All that a generation depends on, but item and prompt: model, adapter, tokenizer, template, decoding, seed, revision of the data. */
export type GenerationKey = Record<string, string | number | boolean | null>;

/** The caches of a run: equal keys give the same one, so that equal models under several names or seeds speak once. */
export type GenerationStore = { open(key: GenerationKey): Promise<GenerationCache> };

/** Keeps texts in `folder`, a file for each key; `null` keeps them in memory only, as long as the store. */
export function generationStore(folder: string | null): GenerationStore {
  const opened = new Map<string, Promise<GenerationCache>>();
  return {
    open(key) {
      const header = JSON.stringify({ format: 2, ...Object.fromEntries(Object.entries(key).sort()) });
      const cache = opened.get(header) ?? openCache(folder, header);
      opened.set(header, cache);
      return cache;
    },
  };
}

/** JSON lines with the key first. A line that is damaged, as the last one of a process that was killed, counts as missing. */
async function openCache(folder: string | null, header: string): Promise<GenerationCache> {
  const known = new Map<string, GeneratedText[]>();
  const place = (id: string, prompt: string) => `${id} ${sha256(prompt)}`;
  const find: GenerationCache["find"] = (id, prompt) => known.get(place(id, prompt));
  const keep = (entries: Parameters<GenerationCache["add"]>[0]): string[] =>
    entries.map(({ id, prompt, texts }) => {
      known.set(place(id, prompt), texts);
      return `${JSON.stringify({ place: place(id, prompt), texts })}\n`;
    });
  if (folder === null) return { find, add: async (entries) => void keep(entries) };
  const path = join(folder, `generations-${sha256(header)}.jsonl`);
  await mkdir(folder, { recursive: true });
  const stored = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  for (const line of stored.split("\n")) {
    const entry = storedEntry(line);
    if (entry) known.set(entry.place, entry.texts);
  }
  // A torn last line is closed, so that it does not swallow the next one.
  let start = stored === "" ? `${header}\n` : stored.endsWith("\n") ? "" : "\n";
  return {
    find,
    async add(entries) {
      const text = start + keep(entries).join("");
      start = "";
      await appendFile(path, text);
    },
  };
}

function storedEntry(line: string): { place: string; texts: GeneratedText[] } | null {
  try {
    const { place, texts } = JSON.parse(line) as { place?: unknown; texts?: unknown };
    return typeof place === "string" && Array.isArray(texts) && texts.every(isText) ? { place, texts } : null;
  } catch {
    return null;
  }
}

function isText(value: unknown): value is GeneratedText {
  if (typeof value !== "object" || value === null) return false;
  const { response, stop, truncated, tokens } = value as Record<string, unknown>;
  return (
    typeof response === "string" &&
    ["eos", "stop", "length"].includes(stop as string) &&
    Number.isInteger(truncated) &&
    Number.isInteger(tokens)
  );
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
