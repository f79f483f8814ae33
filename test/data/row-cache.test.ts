import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cachedConversationRows, conversationRows } from "../../src/data/conversation-rows.js";
import { readRows, writeRows } from "../../src/data/row-file.js";
import { jinjaTemplate, plainTemplate, tagsTemplate } from "../../src/text/template.js";
import { temporaryFolder } from "../temporary-folder.js";
import { tinyTokenizer } from "../text/tiny.js";

const tokenizer = tinyTokenizer("bytes");
const talk = (...texts: string[]) => ({
  messages: texts.map((content, i) => ({ role: i % 2 === 0 ? ("user" as const) : ("assistant" as const), content })),
});
const TALKS = [
  talk("I am tired.", "What happened?", "Work.", "That sounds hard."),
  talk("Hello"),
  talk("My cat is ill.", "I am sorry.", "Thanks."),
  talk("Good news!", "Tell me more, what is it that makes you so glad today?"),
];
const read = (cacheFolder: string, options: { length?: number; seed?: number } = {}, talks = TALKS, template = plainTemplate) =>
  cachedConversationRows(talks, tokenizer, template, { length: 64, ...options, cacheFolder });

it("reads the rows that it made, exactly, from one file", async () => {
  const cacheFolder = join(temporaryFolder(), "new", "folder");
  const made = await read(cacheFolder);
  expect(made).toEqual({ ...conversationRows(TALKS, tokenizer, plainTemplate, { length: 64 }), cached: false, damaged: null });
  expect(made.rows.length).toBeGreaterThan(1);
  expect(await read(cacheFolder)).toEqual({ ...made, cached: true });
  expect(readdirSync(cacheFolder)).toHaveLength(1);
});

it("makes others for any other text, order, template, tokenizer or option", async () => {
  const cacheFolder = temporaryFolder();
  const others = [
    await read(cacheFolder),
    await read(cacheFolder, { length: 65 }),
    await read(cacheFolder, { seed: 1 }),
    await read(cacheFolder, {}, [...TALKS].reverse()),
    await read(cacheFolder, {}, [talk("I am tired!", "What happened?"), ...TALKS.slice(1)]),
    await read(cacheFolder, {}, TALKS, tagsTemplate),
    await cachedConversationRows(TALKS, tinyTokenizer("pieces"), plainTemplate, { length: 64, cacheFolder }),
  ];
  expect(others.map(({ cached }) => cached)).toEqual(others.map(() => false));
  expect(readdirSync(cacheFolder)).toHaveLength(others.length);
});

it("tells templates of the same name apart", () => {
  const source = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{{ mood }}";
  const identities = [
    jinjaTemplate(source, tokenizer),
    jinjaTemplate(`${source} `, tokenizer),
    jinjaTemplate(source, tokenizer, { variables: { mood: "good" } }),
  ].map(({ identity }) => identity);
  expect(new Set(identities).size).toBe(3);
  expect(jinjaTemplate(source, tokenizer).identity).toBe(identities[0]);
});

it.each([
  ["cut off", (bytes: Buffer) => bytes.subarray(0, -1), "bytes of rows"],
  ["cut off in its header", (bytes: Buffer) => bytes.subarray(0, 40), "the header"],
  [
    "changed in one bit",
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -9), Buffer.from([bytes.at(-9)! ^ 1]), bytes.subarray(-8)]),
    "others",
  ],
  ["of another kind", () => Buffer.from("PK"), "expected a file of packed rows"],
  ["empty", () => Buffer.alloc(0), "expected a file of packed rows"],
])("makes a file anew that is %s, and says so", async (_what, damage, says) => {
  const cacheFolder = temporaryFolder();
  const made = await read(cacheFolder);
  const file = join(cacheFolder, readdirSync(cacheFolder)[0]!);
  writeFileSync(file, damage(readFileSync(file)));
  const again = await read(cacheFolder);
  expect(again).toEqual({ ...made, damaged: expect.stringContaining(says) });
  expect(await read(cacheFolder)).toEqual({ ...made, cached: true });
});

it("keeps no text, and no rows where there are none", async () => {
  const folder = temporaryFolder();
  const none = conversationRows([], tokenizer, plainTemplate, { length: 8 });
  await writeRows(join(folder, "none.bin"), none, "key");
  expect(await readRows(join(folder, "none.bin"), "key")).toEqual({ packed: none, damaged: null });
  expect(await readRows(join(folder, "absent.bin"), "key")).toEqual({ packed: null, damaged: null });
  await read(folder);
  expect(readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes("tired"))).toBe(false);
});
