import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, it } from "vitest";
import { conversationRows } from "../../src/data/conversation-rows.js";
import { type RecordPosition, recordStream } from "../../src/data/record-stream.js";
import { type RowStreamOptions, rowStream, type StreamedRow } from "../../src/data/row-stream.js";
import { type FileSource, folderSource, memorySource } from "../../src/files/source.js";
import type { Message } from "../../src/text/messages.js";
import { plainTemplate } from "../../src/text/template.js";
import { temporaryFolder } from "../temporary-folder.js";
import { tinyTokenizer } from "../text/tiny.js";

const tokenizer = tinyTokenizer("bytes");
const talk = (i: number): Message[] => [
  { role: "user", content: `I am number ${i}${", äöü and more".repeat(i % 5)}` },
  { role: "assistant", content: `Hello, ${i}.` },
];
const jsonl = (from: number, to: number, end = "\n"): string =>
  Array.from({ length: to - from }, (_, i) => JSON.stringify({ messages: talk(from + i) })).join(end);

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const stream = (source: FileSource, paths: string[], options: Partial<RowStreamOptions> = {}) =>
  rowStream(source, paths, tokenizer, plainTemplate, { length: 128, window: 16, ...options });
/** The words of a row, so that rows can be compared whatever their order. */
const textOf = ({ row }: StreamedRow): string => tokenizer.decode(row.ids);

const PATHS = ["a.jsonl", "b.jsonl", "c.jsonl.gz"];
const files = memorySource({ "a.jsonl": jsonl(0, 30), "b.jsonl": `${jsonl(30, 55, "\r\n\n")}\n`, "c.jsonl.gz": gzipSync(jsonl(55, 80)) });

it("gives every conversation once, packed as in memory within each window, in a seeded order", async () => {
  const rows = await all(stream(files, PATHS, { window: 1000 }));
  const packed = conversationRows(
    Array.from({ length: 80 }, (_, i) => ({ messages: talk(i) })),
    tokenizer,
    plainTemplate,
    { length: 128 },
  );
  expect(rows.map(textOf).sort()).toEqual(packed.rows.map((row) => textOf({ row } as StreamedRow)).sort());
  const small = (await all(stream(files, PATHS))).map(textOf);
  const numbers = small.flatMap((text) => [...text.matchAll(/Hello, (\d+)/g)].map((match) => Number(match[1])));
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 80 }, (_, i) => i));
  expect(numbers.slice(0, 16).every((number) => number < 16)).toBe(true);
  expect((await all(stream(files, PATHS))).map(textOf)).toEqual(small);
  expect((await all(stream(files, PATHS, { seed: 1 }))).map(textOf)).not.toEqual(small);
});

it("goes on from any row as if it had not stopped", async () => {
  const rows = await all(stream(files, PATHS));
  for (const [i, { next }] of rows.entries()) {
    const rest = await all(stream(files, PATHS, { from: JSON.parse(JSON.stringify(next)) as typeof next }));
    expect(rest.map(textOf), `after row ${i}`).toEqual(rows.slice(i + 1).map(textOf));
  }
  expect(rows.length).toBeGreaterThan(20);
});

it("holds a window and a chunk, however long the files are", async () => {
  const text = jsonl(0, 30_000);
  const folder = temporaryFolder();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "long.jsonl"), text);
  const source = folderSource(folder);
  let [read, records, given] = [0, 0, 0];
  const counting: FileSource = {
    ...source,
    read: () => Promise.reject(new Error("the whole file was read")),
    readRange: async (path, start, end) => {
      read += end - start;
      return source.readRange(path, start, end);
    },
  };
  let most = 0;
  const rows = stream(counting, ["long.jsonl"], {
    window: 100,
    messagesOf: (row) => {
      records++;
      return row.messages as Message[];
    },
  });
  for await (const { row } of rows) {
    most = Math.max(most, records - given);
    given += row.sequences.length;
    if (records <= 200) expect(read).toBeLessThanOrEqual(2 ** 20);
  }
  expect([records, given]).toEqual([30_000, 30_000]);
  expect(most).toBeLessThanOrEqual(100);
  expect(text.length).toBeGreaterThan(3 * 2 ** 20);
});

it("reads csv, tsv and parquet alike, from any record on", async () => {
  const columns = ["question", "answer", "n"];
  const cells = Array.from({ length: 50 }, (_, i) => [`q "${i}", so`, `answer\t${i}`.replace("\t", " "), i] as const);
  const quoted = (cell: string | number) => `"${String(cell).replaceAll('"', '""')}"`;
  const csv = [columns, ...cells].map((row) => row.map(quoted).join(",")).join("\n");
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: "question", data: cells.map(([q]) => q), type: "STRING" },
      { name: "answer", data: cells.map(([, a]) => a), type: "STRING" },
      { name: "n", data: cells.map(([, , n]) => BigInt(n)), type: "INT64" },
    ],
    rowGroupSize: 20,
  });
  const source = memorySource({
    "x.csv": csv,
    "x.csv.gz": gzipSync(csv),
    "x.tsv": [columns, ...cells].map((row) => row.join("\t")).join("\n"),
    "x.parquet": new Uint8Array(parquet),
  });
  for (const path of await source.list()) {
    const records = await all(recordStream(source, [path]));
    expect(
      records.map(({ row }) => [row.question, row.answer, Number(row.n)]),
      path,
    ).toEqual(cells.map((row) => [...row]));
    for (const at of [0, 19, 20, 48]) {
      const rest = await all(recordStream(source, [path], records[at]!.next as RecordPosition));
      expect(
        rest.map(({ row }) => row),
        path,
      ).toEqual(records.slice(at + 1).map(({ row }) => row));
    }
  }
});

it("can be left early", async () => {
  const source = memorySource({ "x.csv.gz": gzipSync(`a,b\n${"1,2\n".repeat(100_000)}`), "x.jsonl": jsonl(0, 100) });
  for (const path of await source.list()) {
    for await (const { row } of recordStream(source, [path])) {
      expect(Object.keys(row).length).toBeGreaterThan(0);
      break;
    }
  }
});

it.each([
  ["x.jsonl", "{}\n{", "x.jsonl row 2: expected one JSON object a line"],
  ["x.jsonl", "[1]", "x.jsonl row 1: expected an object, got [1]"],
  ["x.jsonl", new Uint8Array([0xff, 0xfe]), "expected UTF-8 text"],
  ["x.jsonl.gz", "no gzip", "x.jsonl.gz: expected gzip data"],
  [
    "x.csv",
    "a,b\n1,2\n1",
    "x.csv: expected cells as in the header, got an error: Invalid Record Length: columns length is 2, got 1 on line 3",
  ],
  ["x.parquet", "no parquet at all", "x.parquet: expected a parquet file"],
  ["x.xlsx", "", "x.xlsx: expected a file ending in .jsonl"],
])("refuses %s that holds %s", async (path, data, says) => {
  await expect(all(recordStream(memorySource({ [path]: data }), [path]))).rejects.toThrow(says);
});

it("refuses records without a conversation, and leaves out those that `messagesOf` does not want", async () => {
  const source = memorySource({ "x.jsonl": `${JSON.stringify({ text: "a" })}\n${jsonl(0, 3)}` });
  await expect(all(stream(source, ["x.jsonl"]))).rejects.toThrow("record: expected `messages`, each with role and content");
  const rows = await all(stream(source, ["x.jsonl"], { messagesOf: ({ messages }) => (messages as Message[] | undefined) ?? null }));
  expect(rows.flatMap(({ row }) => row.sequences)).toHaveLength(3);
});
