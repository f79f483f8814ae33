import { expected, FormatError } from "../core/errors.js";
import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";
import type { FileSource } from "../files/source.js";
import type { Row } from "../files/table.js";
import type { Message } from "../text/messages.js";
import type { ChatTemplate } from "../text/template.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { packing, type RowOptions, trainingSequence } from "./conversation-rows.js";
import { type PackedRow, packSequences, type Sequence } from "./pack.js";
import { type RecordPosition, recordStream } from "./record-stream.js";

/** Where a stream of rows stands: plain data, to be kept with a checkpoint. */
export type RowPosition = {
  /** Number of the window, from 0, and where its first record is. */
  window: number;
  start: RecordPosition;
  /** Rows of the window that were given out. */
  rows: number;
};

/** A row, and where to go on after it. `sequences` of the row count the window's conversations. */
export type StreamedRow = { row: PackedRow; next: RowPosition };

export type RowStreamOptions = RowOptions & {
  /** Conversations that are held, packed and shuffled together. */
  window?: number;
  /** The `next` of the last row that was used. */
  from?: RowPosition;
  /** The conversation in a record, `null` to leave it out. Default: its `messages`, each with `role` and `content`. */
  messagesOf?: (row: Row) => readonly Message[] | null;
};

/**
 * Packed training rows from files that need not fit in memory: records are read one by one, and `window` of their conversations are packed by best fit
 * and put in a seeded order before the next are read. The same files, options and seed give the same rows, also from any row on.
 * @throws FormatError for a record that holds no conversation.
 */
export async function* rowStream(
  source: FileSource,
  paths: readonly string[],
  tokenizer: Tokenizer,
  template: ChatTemplate,
  options: RowStreamOptions,
): AsyncGenerator<StreamedRow, void, undefined> {
  const { length, seed = 0, window: size = 2048, from, messagesOf = messagesIn } = options;
  checkInteger("window", size, 1);
  let window = from?.window ?? 0;
  let start: RecordPosition = from?.start ?? { file: 0, record: 0, byte: 0 };
  let done = from?.rows ?? 0;
  let held: Sequence[] = [];

  function* packed(after: RecordPosition): Generator<StreamedRow> {
    const { rows } = packSequences(held, packing(tokenizer, { length, seed: new Random(`${seed}/window/${window}`).bits() }));
    held = [];
    for (let i = done; i < rows.length; i++) {
      const last = i === rows.length - 1;
      yield { row: rows[i]!, next: last ? { window: window + 1, start: after, rows: 0 } : { window, start, rows: i + 1 } };
    }
    [window, start, done] = [window + 1, after, 0];
  }

  let after = start;
  for await (const { row, next } of recordStream(source, paths, start)) {
    const messages = messagesOf(row);
    const sequence = messages && trainingSequence(messages, tokenizer, template);
    after = next;
    if (sequence) held.push(sequence);
    if (held.length === size) yield* packed(after);
  }
  if (held.length > 0) yield* packed(after);
}

function messagesIn({ messages }: Row): Message[] {
  if (Array.isArray(messages) && messages.every(isMessage)) return messages;
  const remedy = "Give `messagesOf`, which finds the conversation in a record";
  throw new FormatError(expected("record", "`messages`, each with role and content", messages, remedy));
}

const isMessage = (value: unknown): value is Message => {
  const { role, content } = (value ?? {}) as Record<string, unknown>;
  return typeof content === "string" && (role === "system" || role === "user" || role === "assistant");
};
