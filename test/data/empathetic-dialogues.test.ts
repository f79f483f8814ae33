import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { NotFoundError } from "../../src/core/errors.js";
import { loadEmpatheticDialogues, readEmpatheticDialogues } from "../../src/data/empathetic-dialogues.js";
import { replyExamples } from "../../src/data/record.js";
import { memorySource } from "../../src/files/source.js";
import { shared } from "../shared.js";

const TALK = ["I lost my keys_comma_ again.", "Where did you look?", "Everywhere_comma_even outside.", "Try the fridge."];
const load = (files: Record<string, string | Uint8Array>) => readEmpatheticDialogues(memorySource(files));

describe("EmpatheticDialogues", () => {
  it("gives the same dialogue from actor, from utterance_idx with speaker_idx, and from speaker_idx alone", async () => {
    const byActor = TALK.map((text, i) => `c:1,${i + 1},annoyed,Keys_comma_ gone,${i % 2 ? "listener" : "speaker"},${text}`);
    const byTurn = TALK.map((text, i) => `c:1,${i + 1},annoyed,Keys_comma_ gone,${i % 2 ? 77 : 5},${text},5|5|5_2|2|5,`);
    const bySpeaker = TALK.map((text, i) => `c:1,annoyed,Keys_comma_ gone,${i % 2 ? 77 : 5},${text}`);
    const results = await Promise.all([
      load({ "train.csv": ["conv_id,utterance_idx,context,prompt,actor,utterance", ...byActor].join("\n") }),
      load({ "train.csv": ["conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags", ...byTurn].join("\n") }),
      load({ "train.csv": ["conv_id,context,prompt,speaker_idx,utterance", ...bySpeaker].join("\n") }),
    ]);
    for (const { records } of results) {
      expect(records).toEqual([
        {
          id: "c:1",
          source: "empathetic_dialogues",
          split: "train",
          emotion: "annoyed",
          situation: "Keys, gone",
          messages: [
            { role: "user", content: "I lost my keys, again." },
            { role: "assistant", content: "Where did you look?" },
            { role: "user", content: "Everywhere,even outside." },
            { role: "assistant", content: "Try the fridge." },
          ],
          strategies: [null, null, null, null],
        },
      ]);
    }
  });

  it("reads the published csv, which has no quotes around texts that hold them", async () => {
    const rows = [
      'c:1,1,sad,"Gone",1,"He left" she said,5|5|5,',
      'c:1,2,sad,"Gone",2,Who said "that,5|5|5,',
      "c:1,3,sad,x,1,Her,5|5,,a|b|c",
    ];
    const { records } = await load({
      "train.csv": ["conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags", ...rows].join("\n"),
    });
    expect(records[0]!.messages.map((message) => message.content)).toEqual(['"He left" she said', 'Who said "that', "Her"]);
  });

  it("orders rows by their turn number and joins successive turns of one speaker", async () => {
    const csv =
      "conv_id,utterance_idx,context,prompt,actor,utterance\nc,2,sad,p,speaker,two\nc,1,sad,p,speaker,one\nc,3,sad,p,listener,three\n";
    const { records } = await load({ "valid.csv": csv });
    expect(records[0]!.messages.map((message) => message.content)).toEqual(["one two", "three"]);
    expect(records[0]!.split).toBe("validation");
  });

  it("reads prompt and utterance alone from parquet, and replaces files that hold speaker turns only", async () => {
    const rows = [...Array(60).keys()].flatMap((n) => TALK.map((text) => ({ prompt: `situation ${n}`, utterance: text })));
    const file = (kept: typeof rows) =>
      new Uint8Array(
        parquetWriteBuffer({
          columnData: [
            { name: "prompt", data: kept.map((row) => row.prompt), type: "STRING" },
            { name: "utterance", data: kept.map((row) => row.utterance), type: "STRING" },
          ],
        }),
      );
    const speaker = rows.filter((_row, i) => i % 2 === 0);
    const { records, counts } = await load({
      "data/train-00000-of-00002.parquet": file(rows.slice(0, 120)),
      "data/train-00001-of-00002.parquet": file(rows.slice(120)),
      "data/validation-00000-of-00001.parquet": file(speaker),
      "data/test-00000-of-00001.parquet": file(speaker),
    });
    expect(records).toHaveLength(60);
    expect(records[0]!.messages.map((message) => message.role)).toEqual(["user", "assistant", "user", "assistant"]);
    const held = records.filter((record) => record.split !== "train").length;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(30);
    expect(counts["data/validation-00000-of-00001.parquet: speaker turns only, left out"]).toBe(120);
    expect((counts["moved from train to validation"] ?? 0) + (counts["moved from train to test"] ?? 0)).toBe(held);
  });

  it("gives listener replies only as examples, each with the dialogue before it", async () => {
    const csv = [
      "conv_id,utterance_idx,context,prompt,actor,utterance",
      "c,1,sad,p,speaker,a",
      "c,2,sad,p,listener,b",
      "c,3,sad,p,speaker,c",
    ];
    const [conversation] = (await load({ "train.csv": csv.join("\n") })).records;
    expect(replyExamples(conversation!)).toEqual([{ context: [{ role: "user", content: "a" }], reply: "b", strategy: null, index: 1 }]);
  });

  it("names file, row and column where something is not as it should be", async () => {
    const header = "conv_id,utterance_idx,context,prompt,actor,utterance\n";
    await expect(load({ "train.csv": "a,b\n1,2\n" })).rejects.toThrow(
      /train\.csv: expected columns prompt, utterance \(missing: prompt, utterance\)/,
    );
    await expect(load({ "train.csv": `${header}c,1,sad,p,bystander,a\n` })).rejects.toThrow(
      'train.csv row 1, column "actor": expected "speaker" or "listener", got "bystander"',
    );
    await expect(load({ "train.csv": `${header}c,one,sad,p,speaker,a\n` })).rejects.toThrow(
      'column "utterance_idx": expected a number, got "one"',
    );
    await expect(load({ "train.csv": `${header}c,1,sad,p,speaker,a\nc,1,sad,p,speaker,b\n` })).rejects.toThrow("each utterance_idx once");
    const missing = await load({ "readme.md": "" }).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(NotFoundError);
    expect((missing as Error).message).toContain('got ["readme.md"]. Give the folder of the data set');
  });

  it.skipIf(!shared)(
    "reads the real files: 19,532 and 2,770 conversations, all of them opened by the speaker, no _comma_ left",
    async () => {
      const start = process.cpuUsage();
      const all = await loadEmpatheticDialogues(`${shared}/data`);
      // Two seconds where nothing else runs.
      expect(process.cpuUsage(start).user / 1e6).toBeLessThan(10);
      expect(all.filter((record) => record.split === "train")).toHaveLength(19_532);
      expect(all.filter((record) => record.split === "validation")).toHaveLength(2_770);
      expect(all.reduce((sum, record) => sum + record.messages.length, 0)).toBe(84_165 + 12_078);
      expect(new Set(all.map((record) => record.emotion)).size).toBe(32);
      expect(all.every((record) => record.messages[0]!.role === "user")).toBe(true);
      expect(JSON.stringify(all)).not.toContain("_comma_");
    },
  );

  it.skipIf(!shared)("reads the real validation split alike from csv and parquet", async () => {
    const { folderSource } = await import("../../src/files/source.js");
    const samples = folderSource(`${shared}/data/parquet_samples`);
    const bytes = await samples.read("empathetic_dialogues_validation.parquet");
    const fromParquet = (await load({ "data/validation-00000-of-00001.parquet": bytes })).records;
    const fromCsv = (await loadEmpatheticDialogues(`${shared}/data`)).filter((record) => record.split === "validation");
    expect(fromParquet).toEqual(fromCsv);
  });
});
