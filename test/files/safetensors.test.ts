import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import { fromFloat32, openSafetensors, type TensorData, toFloat32, writeSafetensors } from "../../src/files/safetensors.js";
import { type FileSource, folderSource, memorySource } from "../../src/files/source.js";
import { shared } from "../shared.js";
import { checkWithOracle, oracle } from "./oracle.js";

type Stored = { all: { file: string; tensors: Record<string, { shape: number[]; values: number[] }> }; plain: string; none: string };
const stored = JSON.parse(readFileSync(new URL("../reference/safetensors.json", import.meta.url), "utf8")) as Stored;
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eqlab-safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const openBytes = (file: Uint8Array) => openSafetensors(memorySource({ "x.safetensors": file }), "x.safetensors");

/** A file of this header text (or bytes) and this much data. */
function fileOf(header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** A source that counts what is read of it. */
function counted(source: FileSource): FileSource & { ranges: [number, number][] } {
  const ranges: [number, number][] = [];
  const readRange = (path: string, start: number, end: number) => {
    ranges.push([start, end]);
    return source.readRange(path, start, end);
  };
  return { ...source, readRange, read: () => Promise.reject(new Error("the whole file was asked for")), ranges };
}

describe("openSafetensors", () => {
  it("reads the values that Python's safetensors wrote, of every dtype", async () => {
    const file = await openBytes(bytesOf(stored.all.file));
    expect(Object.keys(stored.all.tensors)).toHaveLength(14);
    expect([...file.entries.keys()].sort()).toEqual(Object.keys(stored.all.tensors).sort());
    expect({ ...file.metadata }).toEqual({ format: "pt" });
    for (const [name, { shape, values }] of Object.entries(stored.all.tensors)) {
      const tensor = await file.read(name);
      expect(tensor.shape).toEqual(shape);
      expect([...toFloat32(tensor)]).toEqual(values);
    }
  });

  it("reads the header and then only the tensor that is asked for", async () => {
    const source = counted(memorySource({ "x.safetensors": bytesOf(stored.plain) }));
    const file = await openSafetensors(source, "x.safetensors");
    const { start, end } = file.entries.get("b")!;
    await file.read("b");
    expect(source.ranges).toEqual([
      [0, 8],
      [8, file.entries.get("a")!.start],
      [start, end],
    ]);
    expect(end - start).toBe(16);
    await expect(file.read("c")).rejects.toThrow(RangeError);
  });

  it("accepts what the format allows: no tensors, scalars, empty tensors, white space around, a tensor called __proto__", async () => {
    expect((await openBytes(bytesOf(stored.none))).entries.size).toBe(0);
    const header = ` \n{"__proto__":{"shape":[],"dtype":"U8","data_offsets":[0,1]},"e":{"dtype":"F32","shape":[0,9],"data_offsets":[1,1]},
      "__metadata__":{"__proto__":"polluted","\\u00e9\\ud83d\\ude00":"x"}}\t `;
    const file = await openBytes(fileOf(header, 1));
    expect([...file.entries.keys()]).toEqual(["__proto__", "e"]);
    expect(Object.entries(file.metadata)).toEqual([
      ["__proto__", "polluted"],
      ["é😀", "x"],
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect((await file.read("__proto__")).data).toEqual(new Uint8Array(1));
    expect((await file.read("e")).data).toEqual(new Uint8Array(0));
  });

  const entry = (offsets: string, shape = "[1]", dtype = "F32") => `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
  const broken: Record<string, Uint8Array> = {
    "nothing at all": new Uint8Array(0),
    "seven bytes": new Uint8Array(7),
    "a header length of 2^64 - 1": fileOf("{}", 0, 2n ** 64n - 1n),
    "a header length beyond 2^53 that would round into the file": fileOf("{}", 0, 2n ** 53n + 2n),
    "a header longer than the file": fileOf("{}", 0, 3n),
    "a header longer than the format allows": fileOf("{}", 0, 100_000_001n),
    "a header of no bytes": fileOf(""),
    "not JSON": fileOf("hello"),
    "not UTF-8": fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)),
    "a byte order mark": fileOf("\ufeff{}"),
    "an array": fileOf("[]"),
    "something after the object": fileOf("{}{}"),
    "a comma at the end": fileOf(`{"a":${entry("[0,4]")},}`, 4),
    "an open string": fileOf('{"a'),
    "an open escape": fileOf('{"a\\'),
    "a bad escape": fileOf('{"\\x":1}'),
    "a raw line break in a name": fileOf(`{"a\n":${entry("[0,4]")}}`, 4),
    "half a surrogate pair": fileOf(`{"\\ud800":${entry("[0,4]")}}`, 4),
    "a name twice": fileOf(`{"a":${entry("[0,4]")},"a":${entry("[4,8]")}}`, 8),
    "a name twice, once escaped": fileOf(`{"a":${entry("[0,4]")},"\\u0061":${entry("[4,8]")}}`, 8),
    "a field twice": fileOf('{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "a metadata key twice": fileOf('{"__metadata__":{"a":"1","a":"2"}}'),
    "metadata that is not text": fileOf('{"__metadata__":{"a":1}}'),
    "metadata that is not an object": fileOf('{"__metadata__":"a"}'),
    "an unknown field": fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}}', 4),
    "a missing field": fileOf('{"a":{"dtype":"F32","shape":[1]}}', 4),
    "an unknown dtype": fileOf(`{"a":${entry("[0,4]", "[1]", "F31")}}`, 4),
    "a dtype that objects have by nature": fileOf(`{"a":${entry("[0,4]", "[1]", "constructor")}}`, 4),
    "a dtype that is a number": fileOf('{"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}', 4),
    "a shape that is a number": fileOf(`{"a":${entry("[0,4]", "1")}}`, 4),
    "a negative size": fileOf(`{"a":${entry("[0,4]", "[-1]")}}`, 4),
    "a fractional size": fileOf(`{"a":${entry("[0,4]", "[1.0]")}}`, 4),
    "a size with an exponent": fileOf(`{"a":${entry("[0,4]", "[1e0]")}}`, 4),
    "a size with a leading zero": fileOf(`{"a":${entry("[0,4]", "[01]")}}`, 4),
    "a size beyond 2^53": fileOf(`{"a":${entry("[0,0]", "[9007199254740993,0]")}}`),
    "a product beyond 2^64": fileOf(`{"a":${entry("[0,4]", "[4294967296,4294967296,4294967296]")}}`, 4),
    "a product that overflows to 0": fileOf(`{"a":${entry("[0,0]", "[4611686018427387,4096,4096,1024]")}}`),
    "a size of null": fileOf(`{"a":${entry("[0,4]", "[null]")}}`, 4),
    "a thousand axes": fileOf(`{"a":${entry("[0,4]", `[${"1,".repeat(1000)}1]`)}}`, 4),
    "a wrong byte count": fileOf(`{"a":${entry("[0,3]")}}`, 3),
    "an end before the begin": fileOf(`{"a":${entry("[4,0]")}}`, 4),
    "one offset": fileOf(`{"a":${entry("[0]")}}`, 4),
    "three offsets": fileOf(`{"a":${entry("[0,4,4]")}}`, 4),
    "a first tensor that is not at 0": fileOf(`{"a":${entry("[4,8]")}}`, 8),
    "a gap": fileOf(`{"a":${entry("[0,4]")},"b":${entry("[8,12]")}}`, 12),
    "an overlap": fileOf(`{"a":${entry("[0,4]")},"b":${entry("[0,4]")}}`, 4),
    "an empty tensor inside another": fileOf(`{"a":${entry("[0,4]")},"b":${entry("[2,2]", "[0]")}}`, 4),
    "data cut short": fileOf(`{"a":${entry("[0,4]")}}`, 3),
    "something after the data": fileOf(`{"a":${entry("[0,4]")}}`, 5),
    "arrays in arrays": fileOf(`{"a":${entry("[0,4]", "[".repeat(100_000))}}`, 4),
    "objects in objects": fileOf('{"a":'.repeat(100_000)),
    "100,001 empty tensors": fileOf(`{${Array.from({ length: 100_001 }, (_, i) => `"${i}":${entry("[0,0]", "[0]")}`).join(",")}}`),
  };
  it.each(Object.keys(broken))("refuses %s with a FormatError", async (name) => {
    await expect(openBytes(broken[name]!)).rejects.toThrow(FormatError);
  });

  it("refuses every file with a byte of the header changed, or opens it to tensors inside the file", async () => {
    const good = bytesOf(stored.all.file);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const file = good.slice();
        file[at]! ^= change;
        try {
          const { entries, read } = await openBytes(file);
          for (const name of entries.keys()) expect((await read(name)).data.length).toBeLessThanOrEqual(file.length);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.skipIf(!shared)("reads the real model of the workshop from a folder", async () => {
    const file = await openSafetensors(folderSource(join(shared!, "weights", "stories260K", "hf")), "model.safetensors");
    expect(file.entries.size).toBe(47);
    const embedding = await file.read("model.embed_tokens.weight");
    expect(embedding).toMatchObject({ dtype: "F32", shape: [512, 64] });
    expect(toFloat32(embedding).every(Number.isFinite)).toBe(true);
  });
});

describe("writeSafetensors", () => {
  it("writes the bytes that Python's safetensors writes", async () => {
    for (const [base64, metadata] of [
      [stored.all.file, { format: "pt" }],
      [stored.plain, {}],
      [stored.none, {}],
    ] as const) {
      const file = await openBytes(bytesOf(base64));
      const tensors = new Map<string, TensorData>();
      for (const name of [...file.entries.keys()].reverse()) tensors.set(name, await file.read(name));
      await writeSafetensors(join(folder, "same.safetensors"), tensors, metadata);
      expect(new Uint8Array(await readFile(join(folder, "same.safetensors")))).toEqual(bytesOf(base64));
    }
  });

  it("gives back what it was given, any names and shapes, with the header padded to 8 bytes", async () => {
    const shape = fc.array(fc.nat(4), { maxLength: 4 });
    const tensor = fc.record({ shape, dtype: fc.constantFrom("F32" as const, "F16" as const, "BF16" as const), seed: fc.nat(100) });
    const names = fc.string({ unit: "grapheme", maxLength: 12 }).filter((name) => name !== "__metadata__");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(names, tensor), { maxLength: 8 }), async (items) => {
        const tensors = new Map<string, TensorData>();
        for (const [name, { shape, dtype, seed }] of items) {
          const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(seed + i));
          tensors.set(name, fromFloat32(values, shape, dtype));
        }
        await writeSafetensors(join(folder, "any.safetensors"), tensors);
        const file = await openSafetensors(folderSource(folder), "any.safetensors");
        expect(file.entries.size).toBe(tensors.size);
        expect(file.metadata.format).toBe("pt");
        for (const [name, tensor] of tensors) expect(await file.read(name)).toEqual(tensor);
        expect(Math.min(...[...file.entries.values()].map(({ start }) => start), 8) % 8).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("asks for the tensors one at a time, in the order in which they go to the disk", async () => {
    const asked: string[] = [];
    const lazy = (name: string, size: number) => ({
      dtype: "U8" as const,
      shape: [size],
      data: async () => {
        asked.push(name);
        return new Uint8Array(size).fill(size);
      },
    });
    await writeSafetensors(join(folder, "lazy.safetensors"), new Map([["b", lazy("b", 3)], ["a", lazy("a", 2)]])); // biome-ignore format: short
    expect(asked).toEqual(["a", "b"]);
    const file = await openSafetensors(folderSource(folder), "lazy.safetensors");
    expect([...(await file.read("b")).data]).toEqual([3, 3, 3]);
  });

  it("leaves the old file and nothing else where a tensor does not fit or cannot be had", async () => {
    const own = await mkdtemp(join(folder, "own-"));
    const path = join(own, "old.safetensors");
    await writeFile(path, "old");
    const bad = (data: TensorData["data"] | (() => Promise<Uint8Array>)) =>
      writeSafetensors(path, new Map([["a", { dtype: "F32", shape: [2], data }]]));
    await expect(bad(new Uint8Array(7))).rejects.toThrow("tensor a [2] of F32: expected 8 bytes, got 7");
    await expect(bad(() => Promise.reject(new Error("gone")))).rejects.toThrow("gone");
    await expect(writeSafetensors(path, new Map([["__metadata__", fromFloat32(new Float32Array(1), [1], "F32")]]))).rejects.toThrow(
      RangeError,
    );
    await expect(writeSafetensors(path, new Map([["\ud800", fromFloat32(new Float32Array(1), [1], "F32")]]))).rejects.toThrow(RangeError);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(own)).toEqual(["old.safetensors"]);
  });

  it.skipIf(!oracle)("writes files that Python's safetensors reads", async () => {
    const own = await mkdtemp(join(folder, "oracle-"));
    const values = Float32Array.of(0.1, -2, 3e4, 1e-7, 0, 65504);
    const tensors = new Map([...(["F32", "F16", "BF16"] as const)].map((dtype) => [`of ${dtype}`, fromFloat32(values, [2, 3], dtype)]));
    tensors.set("scalar", fromFloat32(Float32Array.of(5), [], "F32"));
    await writeSafetensors(join(own, "ours.safetensors"), tensors);
    const expected = [...tensors].map(([name, t]) => [name, { dtype: t.dtype, shape: t.shape, values: [...toFloat32(t)] }]);
    await writeFile(join(own, "expected.json"), JSON.stringify({ "ours.safetensors": Object.fromEntries(expected) }));
    expect(checkWithOracle("safetensors_files.py", own)).toContain("4 tensors are equal");
  });
});
