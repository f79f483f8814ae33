import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { bundleOf } from "../../src/cells/display.js";
import { openTable } from "../../src/cells/open-table.js";

const row = (name: string, text: string, score: number | null = 0.5) => ({ cells: { name, score }, texts: [{ name: "response", text }] });
const documentOf = (html: unknown) => new JSDOM(`<body>${html}</body>`, { runScripts: "dangerously" }).window.document;

describe("openTable", () => {
  it("opens each row to its texts, without a script", () => {
    const bundle = bundleOf(openTable([row("q1", "first\nline"), row("q2", "second", null)], { title: "Replies" }));
    const document = documentOf(bundle["text/html"]);
    const rows = [...document.querySelectorAll("details")];
    expect(rows.map((one) => one.querySelector("summary")!.textContent)).toEqual(["q10.5000", "q2–"]);
    expect(rows[0]!.textContent).toContain("first\nline");
    expect(document.querySelectorAll("script, svg, button")).toHaveLength(0);
    expect(bundle["text/plain"]).toContain("q1");
  });

  it("escapes every text and cuts the long ones", () => {
    const nasty = `</summary></details><script>document.title = "got"</script><img src=x onerror="document.title='got'">"'&`;
    const html = bundleOf(openTable([row(nasty, `${nasty}${"x".repeat(5000)}`)], { title: nasty, characters: 300 }))["text/html"];
    const document = documentOf(html);
    expect(document.title).toBe("");
    expect(document.querySelectorAll("script, img")).toHaveLength(0);
    expect(document.querySelectorAll("details")).toHaveLength(1);
    expect(document.querySelector("summary")!.textContent).toContain(nasty.slice(0, 40));
    expect(document.querySelector("details")!.textContent!.match(/x{10,}…/)![0].length).toBeLessThan(300);
  });

  it("says how many rows it leaves out, and shows none", () => {
    expect(
      bundleOf(
        openTable(
          Array.from({ length: 9 }, (_, i) => row(`q${i}`, "")),
          { rows: 4 },
        ),
      )["text/html"],
    ).toContain("first 4 of 9 rows");
    expect(documentOf(bundleOf(openTable([]))["text/html"]).querySelectorAll("details")).toHaveLength(0);
  });
});
