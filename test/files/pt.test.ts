import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { gunzipSync, unzipSync, zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import { pickleState } from "../../src/files/pickle-writer.js";
import { readPt, type State, writePt } from "../../src/files/pt.js";
import { checkWithOracle, oracle } from "./oracle.js";

type Stored = {
  good: Record<string, { file: string; tensors: Record<string, { shape: number[]; values: number[] }> }>;
  bad: Record<string, string>;
  pickles: { shapes: [string, number[]][]; pickle: string }[];
  digests: Record<string, string>;
};
const stored = JSON.parse(readFileSync(new URL("../reference/pt.json", import.meta.url), "utf8")) as Stored;
const unpacked = (text: string) => gunzipSync(Buffer.from(text, "base64"));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eqlab-pt-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const state = (tensors: Record<string, number[]>): State =>
  new Map(
    Object.entries(tensors).map(([name, shape], n) => [
      name,
      { shape, values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.cos(i + n))) },
    ]),
  );

async function written(tensors: State): Promise<Uint8Array> {
  await writePt(join(folder, "written.pt"), tensors);
  return new Uint8Array(await readFile(join(folder, "written.pt")));
}

describe("readPt", () => {
  it("has every stored file of torch.save to read", () => {
    expect(Object.keys(stored.good)).toHaveLength(9);
    expect(Object.keys(stored.bad)).toHaveLength(23);
  });

  it.each(Object.keys(stored.good))("reads the tensors that PyTorch reads: %s", (name) => {
    const { file, tensors } = stored.good[name]!;
    const read = readPt(unpacked(file));
    expect([...read.keys()]).toEqual(Object.keys(tensors));
    for (const [key, { shape, values }] of read) expect({ shape, values: [...values] }).toEqual(tensors[key]);
  });

  it.each(Object.keys(stored.bad))("refuses with a FormatError: %s", (name) => {
    expect(() => readPt(unpacked(stored.bad[name]!))).toThrow(FormatError);
  });

  it("says what is wrong", () => {
    const message = (name: string) => {
      try {
        readPt(unpacked(stored.bad[name]!), "heads.pt");
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message("runs a command")).toMatch(/heads\.pt: pickle, byte \d+: expected one of the names .*got "(posix|nt)\.system"/);
    expect(message("before 1.6")).toContain("Files of PyTorch before 1.6");
    expect(message("checkpoint")).toContain("state_dict() alone");
    expect(message("compressed")).toContain("method 8");
    expect(message("short storage")).toContain("storage 0: expected 24 bytes, got 20");
    expect(message("values from nothing")).toContain("times the file's size");
  });

  it("refuses every file with a byte changed, except for names and notes that nothing depends on", () => {
    const good = unpacked(stored.good.dtypes!.file);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const file = good.slice();
        file[at]! ^= change;
        try {
          expect([...readPt(file)]).toEqual([...readPt(good)]);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("ends every changed pickle with a FormatError or a dict of tensors, whatever its check sum", () => {
    const entries = unzipSync(unpacked(stored.good.views!.file));
    const pickle = Object.keys(entries).find((name) => name.endsWith("/data.pkl"))!;
    const original = entries[pickle]!;
    let opened = 0;
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const changed = cut ? original.slice(0, at) : original.slice();
        if (!cut) changed[at] = byte;
        const file = zipSync({ ...entries, [pickle]: changed }, { level: 0 });
        try {
          for (const { shape, values } of readPt(file).values()) expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
          opened++;
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 2000 },
    );
    expect(opened).toBeGreaterThan(0);
  });

  it("refuses zip files that another reader may see otherwise", async () => {
    const tensors = state({ w: [4] });
    const good = await written(tensors);
    const data = Buffer.from(good).indexOf(new Uint8Array(tensors.get("w")!.values.buffer));
    const changed = (change: (file: Uint8Array, view: DataView, directory: number) => void) => {
      const file = good.slice();
      const view = new DataView(file.buffer);
      change(file, view, view.getUint32(file.length - 6, true));
      return file;
    };
    const cases: Record<string, Uint8Array> = {
      "another name in the entry's own header": changed((file) => file.set([0x78], 30 + 8)),
      "a changed value": changed((file) => file.set([file[data]! ^ 1], data)),
      "an encrypted entry": changed((_, view, directory) => void view.setUint16(directory + 8, 0x801, true)),
      "two disks": changed((file, view) => void view.setUint16(file.length - 18, 1, true)),
      "one entry fewer than there are": changed((file, view) => {
        view.setUint16(file.length - 14, 3, true);
        view.setUint16(file.length - 12, 3, true);
      }),
      "an entry that begins after the directory": changed(
        (file, view, directory) => void view.setUint32(directory + 42, file.length, true),
      ),
      "two entries at one place": changed((_, view, directory) => {
        const second = directory + 46 + view.getUint16(directory + 28, true);
        view.setUint32(second + 42, 0, true);
      }),
      "a comment at the end": Uint8Array.of(...good.slice(0, -2), 1, 0, 65),
      "something after the end": Uint8Array.of(...good, 0),
      "its first half": good.slice(0, good.length / 2),
      "a zip file of nothing": zipSync({}),
      "two pickles": zipSync({
        "a/data.pkl": [unzipSync(good)["archive/data.pkl"]!, { level: 0 }],
        "b/data.pkl": [unzipSync(good)["archive/data.pkl"]!, { level: 0 }],
      }),
      "no bytes": new Uint8Array(0),
    };
    expect(readPt(good).size).toBe(1);
    for (const [name, file] of Object.entries(cases)) expect(() => readPt(file), name).toThrow(FormatError);
  });

  it("refuses an entry that lies inside another one's data", async () => {
    const outer = new Float32Array(64);
    const make = () => written(new Map([["outer", { shape: [64], values: outer }], ["inner", { shape: [4], values: Float32Array.of(1, 2, 3, 4) }]])); // biome-ignore format: short
    const plain = Buffer.from(await make());
    const inner = plain.indexOf("PK\x03\x04", plain.indexOf("archive/data/0"), "latin1");
    outer.set(new Float32Array(Uint8Array.from(plain.subarray(inner, inner + 144)).buffer));
    const file = Buffer.from(await make()); // the outer tensor's values are now the inner entry
    const directory = file.readUInt32LE(file.length - 6);
    const entry = file.indexOf("archive/data/1", directory) - 46;
    expect(file.readUInt32LE(entry + 42)).toBe(inner);
    file.writeUInt32LE(file.indexOf(plain.subarray(inner, inner + 144)), entry + 42);
    expect(file.readUInt32LE(entry + 42)).toBeLessThan(inner);
    expect(() => readPt(file)).toThrow(/zip entry archive\/data\/1: expected a place from byte \d+ on, apart from others/);
  });
});

describe("writePt", () => {
  it("puts in the pickle that torch.save would, byte for byte", () => {
    expect(stored.pickles).toHaveLength(4);
    for (const { shapes, pickle } of stored.pickles) expect(pickleState(shapes)).toEqual(unpacked(pickle));
    for (const [count, digest] of Object.entries(stored.digests)) {
      const shapes = Array.from({ length: Number(count) }, (_, i) => [`n${i}`, [1]] as const);
      expect(createHash("sha256").update(pickleState(shapes)).digest("hex")).toBe(digest);
    }
  });

  it("writes what it reads, and an ordinary zip file with the data at multiples of 64 bytes", async () => {
    const tensors = state({ "0.weight": [3, 4], "0.bias": [4], scalar: [], empty: [2, 0], five: [1, 2, 1, 2, 3] });
    const file = await written(tensors);
    expect([...readPt(file)]).toEqual([...tensors]);
    const entries = unzipSync(file);
    expect(Object.keys(entries)).toEqual([
      "archive/data.pkl",
      "archive/byteorder",
      ...[0, 1, 2, 3, 4].map((i) => `archive/data/${i}`),
      "archive/version",
    ]);
    expect(entries["archive/version"]).toEqual(new TextEncoder().encode("3\n"));
    const first = new Uint8Array(tensors.get("0.weight")!.values.buffer);
    expect(Buffer.from(file).indexOf(first) % 64).toBe(0);
  });

  it("gives back any names and shapes", async () => {
    const entry = fc.tuple(fc.string({ unit: "grapheme", maxLength: 20 }), fc.array(fc.nat(3), { maxLength: 5 }));
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (entries) => {
        const tensors = new Map([...state({})]);
        for (const [name, shape] of entries) tensors.set(name, state({ x: shape }).get("x")!);
        expect([...readPt(await written(tensors))]).toEqual([...tensors]);
      }),
      { numRuns: 50 },
    );
  });

  it("takes values that are a view into a larger array", async () => {
    const large = Float32Array.of(1, 2, 3, 4);
    const file = await written(new Map([["view", { shape: [2], values: large.subarray(1, 3) }]]));
    expect([...readPt(file).get("view")!.values]).toEqual([2, 3]);
  });

  it("leaves nothing behind for a shape that does not fit", async () => {
    const own = await mkdtemp(join(folder, "own-"));
    const bad = (name: string, shape: number[]) => writePt(join(own, "bad.pt"), new Map([[name, { shape, values: new Float32Array(3) }]]));
    await expect(bad("w", [2])).rejects.toThrow("w [2]: expected 2 values, got 3");
    await expect(bad("w", [-1, -3])).rejects.toThrow(RangeError);
    await expect(bad("\ud800", [3])).rejects.toThrow(RangeError);
    expect(await readdir(own)).toEqual([]);
  });

  it.skipIf(!oracle)("writes files that torch.load reads with weights_only, in memory and mapped", async () => {
    const own = await mkdtemp(join(folder, "oracle-"));
    const files = {
      "heads.pt": state({
        "norm.weight": [3],
        "net.0.weight": [2, 3],
        'ключ "q"\n': [2, 1, 2, 2],
        scalar: [],
        empty: [0, 4],
        large: [70, 1000],
      }),
      "many.pt": state(Object.fromEntries(Array.from({ length: 2100 }, (_, i) => [`n${i}`, [1]]))),
      "one.pt": state({ only: [2] }),
      "none.pt": state({}),
    };
    for (const [name, tensors] of Object.entries(files)) await writePt(join(own, name), tensors);
    const expected = Object.entries(files).map(([name, tensors]) => [
      name,
      [...tensors].map(([key, { shape, values }]) => [key, { shape, values: [...values] }]),
    ]);
    await writeFile(join(own, "expected.json"), JSON.stringify(Object.fromEntries(expected)));
    expect(checkWithOracle("pt.py", own).trim().split("\n")).toEqual([
      "heads.pt: 6 tensors are equal",
      "many.pt: 2100 tensors are equal",
      "one.pt: 1 tensors are equal",
      "none.pt: 0 tensors are equal",
    ]);
  });
});
