import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { svgToPng } from "../../src/cells/png.js";

const svg = (text: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><text x="4" y="24" font-family="Helvetica, Arial, sans-serif" font-size="16">${text}</text></svg>`;

/** How many bytes of the unpacked scan lines are not white. */
function ink(png: Uint8Array): number {
  const [view, parts] = [new DataView(png.buffer, png.byteOffset, png.byteLength), [] as Uint8Array[]];
  for (let at = 8; at < png.length; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === 0x49444154) parts.push(png.subarray(at + 8, at + 8 + view.getUint32(at)));
  return inflateSync(Buffer.concat(parts)).filter((byte) => byte > 16 && byte < 240).length;
}

describe("svgToPng", () => {
  it("draws text with a font of its own, at twice the size, the same bytes each time", async () => {
    const png = await svgToPng(svg("EQ − ρ ł"));
    const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
    expect([view.getUint32(0), view.getUint32(16), view.getUint32(20)]).toEqual([0x89504e47, 240, 80]);
    expect(ink(png)).toBeGreaterThan(100);
    expect(ink(await svgToPng(svg("")))).toBe(0);
    expect(await svgToPng(svg("EQ − ρ ł"))).toEqual(png);
  });

  it("refuses what is no SVG", async () => {
    await expect(svgToPng("<p>no</p>")).rejects.toThrow();
  });
});
