import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Dtype, fromFloat32, openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "../../src/files/safetensors.js";
import { readFloat32, reusedMemory, tensorMemory } from "../../src/files/safetensors-float32.js";
import { folderSource, memorySource } from "../../src/files/source.js";
import { temporaryFolder } from "../temporary-folder.js";

const values = Float32Array.of(0, -0, 1, -1.5, 65504, 6e-8, -3e-5, Number.POSITIVE_INFINITY, 0.1, 7);
const floating = ["F32", "F16", "BF16"] as const;

async function file(): Promise<string> {
  const folder = temporaryFolder();
  const tensors: [string, TensorToWrite][] = floating.map((dtype) => [dtype, fromFloat32(values, [2, 5], dtype)]);
  tensors.push(["I32", { dtype: "I32" as Dtype, shape: [3], data: new Uint8Array(Int32Array.of(5, -6, 7).buffer) }]);
  tensors.push(["none", { dtype: "F16", shape: [0, 4], data: new Uint8Array(0) }]);
  await writeSafetensors(join(folder, "x.safetensors"), new Map(tensors));
  return folder;
}

describe("readFloat32", () => {
  it.each(["tensor", "reused"] as const)("gives the numbers of toFloat32, in %s memory, from a folder and from memory", async (kind) => {
    const folder = await file();
    const bytes = new Uint8Array(readFileSync(join(folder, "x.safetensors")));
    const memory = kind === "tensor" ? tensorMemory() : reusedMemory();
    for (const source of [folderSource(folder), memorySource({ "x.safetensors": bytes })]) {
      const stored = await openSafetensors(source, "x.safetensors");
      for (const name of [...floating, "I32", "none"]) {
        const wanted = toFloat32(await stored.read(name));
        expect([...(await readFloat32(stored, name, memory))]).toEqual([...wanted]);
      }
      await expect(readFloat32(stored, "other", memory)).rejects.toThrow(RangeError);
    }
  });
});

describe("memory for tensors", () => {
  it("lies apart, zeroed, at multiples of 64 from the first, and takes what is larger than a chunk", () => {
    const memory = tensorMemory();
    const parts = [5, 64, 0, 129, 2 ** 26 + 1, 7].map((bytes) => ({ bytes, part: memory(bytes) }));
    for (const [i, { bytes, part }] of parts.entries()) {
      expect(part.length).toBe(bytes);
      expect((part.byteOffset - 48) % 64).toBe(0);
      expect(part.subarray(0, 200).every((byte) => byte === 0)).toBe(true);
      part.subarray(0, 200).fill(i + 1);
    }
    for (const [i, { part }] of parts.entries()) expect(part.subarray(0, 200).every((byte) => byte === i + 1)).toBe(true);
  });
});
