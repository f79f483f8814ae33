import { describe, expect, it } from "vitest";
import { bundleOf } from "../../src/cells/display.js";
import { formatNumber, table } from "../../src/cells/table.js";

describe("table", () => {
  it("escapes what it shows", () => {
    const html = bundleOf(table([{ "<b>": "<script>alert('x')</script>&" }], { title: "a < b" }))["text/html"] as string;
    expect(html).toContain("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;");
    expect(html).toContain("&lt;b&gt;");
    expect(html).toContain("a &lt; b");
    expect(html).not.toContain("<script");
  });

  it("shows at most the rows and columns asked for and says so", () => {
    const rows = Array.from({ length: 171 }, (_, i) => Object.fromEntries(Array.from({ length: 30 }, (_, j) => [`c${j}`, i])));
    const { "text/html": html, "text/plain": text } = bundleOf(table(rows, { rows: 5, columns: 3 }));
    expect((html as string).match(/<tr>/g)).toHaveLength(6);
    expect(html).not.toContain("c3<");
    expect(text).toContain("171 rows × 30 columns; the first 5 rows and first 3 columns shown");
  });

  it("cuts long text and keeps it in the tooltip", () => {
    const html = bundleOf(table([{ text: "word ".repeat(100) }], { characters: 20 }))["text/html"] as string;
    expect(html).toContain(">word word word word…<");
    expect(html).toContain(`title="${"word ".repeat(100)}"`);
  });

  it("does not cut a character in two", () => {
    expect(bundleOf(table([{ text: "😀".repeat(30) }], { characters: 20 }))["text/plain"]).toContain(`${"😀".repeat(19)}…`);
  });

  it("aligns numbers in text", () => {
    const text = bundleOf(table([{ name: "a", score: 1.25 }, { name: "longer", score: 100 }, { score: null }]))["text/plain"];
    expect(text).toBe("name    score\na       1.250\nlonger    100\n–           –\n3 rows × 2 columns");
  });

  it("writes numbers in four digits", () => {
    const written = [0, 42, -3, 0.5, 1 / 3, 12345.678, 1e-7, 2.5e9 + 0.5, Number.POSITIVE_INFINITY].map(formatNumber);
    expect(written).toEqual(["0", "42", "-3", "0.5000", "0.3333", "12346", "1.00e-7", "2.50e+9", "Infinity"]);
  });
});
