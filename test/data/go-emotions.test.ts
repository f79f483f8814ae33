import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { emotionConversation, GO_EMOTIONS, loadGoEmotions, readGoEmotions } from "../../src/data/go-emotions.js";
import { folderSource, memorySource } from "../../src/files/source.js";
import { shared } from "../shared.js";

const ROW = { id: "w1", source: "go_emotions", split: "train", text: 'What a "day"', labels: [17, 26] };
const read = (files: Record<string, string | Uint8Array>, options = {}) => readGoEmotions(memorySource(files), options);

describe("GoEmotions", () => {
  it("gives the same record from tsv, parquet, csv and JSON", async () => {
    const parquet = parquetWriteBuffer({
      columnData: [
        { name: "text", data: [ROW.text], type: "STRING" },
        { name: "labels", data: [ROW.labels], type: "JSON" },
        { name: "id", data: [ROW.id], type: "STRING" },
      ],
    });
    const forms: Record<string, string | Uint8Array>[] = [
      { "train.tsv": 'What a "day"\t17,26\tw1\n' },
      { "goemotions/train.tsv": 'What a "day"\t26,17\tw1\n' },
      { "simplified/train-00000-of-00001.parquet": new Uint8Array(parquet), "raw/train-00000-of-00001.parquet": "not read" },
      { "train.csv": 'text,labels,id\n"What a ""day""","[17, 26]",w1\n' },
      { "train.jsonl": JSON.stringify({ text: ROW.text, labels: [17, 26], id: "w1" }) },
    ];
    for (const files of forms) expect((await read(files)).records).toEqual([ROW]);
  });

  it("puts raw ratings together: labels that two raters agree on, without unclear ones", async () => {
    const rater = (id: string, unclear: string, ...labels: string[]) =>
      [`text ${id}`, id, unclear, ...GO_EMOTIONS.map((name) => (labels.includes(name) ? 1 : 0))].join(",");
    const rows = [
      rater("a", "False", "joy", "pride"),
      rater("a", "False", "joy"),
      rater("a", "True", "pride"),
      rater("b", "False", "fear"),
      rater("b", "False", "grief"),
    ];
    const csv = [`text,id,example_very_unclear,${GO_EMOTIONS.join(",")}`, ...rows].join("\n");
    for (const path of ["data/full_dataset/goemotions_1.csv", "raw/train.csv"]) {
      const { records, counts } = await read({ [path]: csv }, { configuration: "raw" });
      expect(records.map(({ id, text, labels }) => ({ id, text, labels }))).toEqual([{ id: "a", text: "text a", labels: [17] }]);
      expect(counts).toEqual({ "ratings marked very unclear": 1, "comments without agreement": 1 });
    }
    await expect(read({ "raw/train.csv": csv.replace(",1,", ",2,") }, { configuration: "raw" })).rejects.toThrow(
      /raw\/train\.csv row 1, column "pride|0 or 1/,
    );
  });

  it("makes a naming task of a text: the labels are the reply", () => {
    const conversation = emotionConversation({ ...ROW, split: "train" });
    expect(conversation.messages.map((message) => message.role)).toEqual(["user", "assistant"]);
    expect(conversation.messages[0]!.content).toContain(ROW.text);
    expect(conversation.messages[1]!.content).toBe("joy, surprise");
  });

  it("names file, row and column of labels that are none", async () => {
    for (const labels of ["28", "-1", "joy", "", "1,,2", "1.5"]) {
      await expect(read({ "dev.tsv": `fine\t1\ta\nx\t${labels}\tb\n` })).rejects.toThrow(
        `dev.tsv row 2, column "labels": expected label numbers from 0 to 27, got ${JSON.stringify(labels)}`,
      );
    }
  });

  it.skipIf(!shared)("reads the real files: counts of the data card", async () => {
    const all = await loadGoEmotions(`${shared}/data`);
    const train = all.filter((record) => record.split === "train");
    expect([train.length, all.length - train.length]).toEqual([43_410, 5_426]);
    const per = GO_EMOTIONS.map((_name, label) => train.filter((record) => record.labels.includes(label)).length);
    expect([per[27], per[0], per[4], per[16]]).toEqual([14_219, 4_130, 2_939, 77]);
    expect(train.filter((record) => record.labels.length > 1)).toHaveLength(6_541 + 532 + 28 + 1);
  });

  it.skipIf(!shared)("reads the real dev split alike from tsv and parquet", async () => {
    const bytes = await folderSource(`${shared}/data/parquet_samples`).read("go_emotions_simplified_validation.parquet");
    const fromParquet = (await read({ "simplified/validation-00000-of-00001.parquet": bytes })).records;
    expect(fromParquet).toEqual((await loadGoEmotions(`${shared}/data`)).filter((record) => record.split === "validation"));
  });
});
