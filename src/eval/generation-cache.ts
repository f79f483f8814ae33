import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Generation } from "../generate/row.js";

/** A generated text, as it is kept and reported. */
export type GeneratedText = {
  response: string;
  /** How it ended: by EOS, by a stop of the template, or at the limit. */
  stop: Generation["stop"];
  /** How many tokens of the prompt did not fit the model. */
  truncated: number;
  /** Generated tokens, the one that ended it included. */
  tokens: number;
};

/** Texts generated before, by question and prompt. */
export type GenerationCache = {
  find(id: string, prompt: string): GeneratedText[] | undefined;
  /** Writes at once, so that a run that is killed loses only what was in the making. */
  add(entries: readonly { id: string; prompt: string; texts: GeneratedText[] }[]): Promise<void>;
};

/** All that a generation depends on, but question and prompt: model, adapter, tokenizer, decoding, seed. */
export type GenerationKey = Record<string, string | number | boolean | null>;

/**
 * Opens the cache file of one key in `folder`, JSON lines with the key first; `null` keeps texts in memory only. A line that is damaged, as the
 * last one of a process that was killed, counts as missing.
 */
export async function openGenerationCache(folder: string | null, key: GenerationKey): Promise<GenerationCache> {
  const known = new Map<string, GeneratedText[]>();
  const place = (id: string, prompt: string) => `${id} ${sha256(prompt)}`;
  if (folder === null) {
    return {
      find: (id, prompt) => known.get(place(id, prompt)),
      async add(entries) {
        for (const { id, prompt, texts } of entries) known.set(place(id, prompt), texts);
      },
    };
  }
  const header = JSON.stringify({ format: 1, ...Object.fromEntries(Object.entries(key).sort()) });
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
    find: (id, prompt) => known.get(place(id, prompt)),
    async add(entries) {
      const lines = entries.map(({ id, prompt, texts }) => {
        known.set(place(id, prompt), texts);
        return `${JSON.stringify({ place: place(id, prompt), texts })}\n`;
      });
      const text = start + lines.join("");
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
