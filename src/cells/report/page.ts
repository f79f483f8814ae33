/** The parts of a report's page: light, printable, without scripts and without a network. */
import type { Figure } from "../figure.js";
import { escapeHtml } from "../html.js";
import { fixed } from "../style.js";
import { columnNames } from "../table.js";

type Row = Record<string, string | number | boolean | null>;

/** A whole page. `title` and `lead` are plain text, `sections` HTML. */
export function page(title: string, lead: string, sections: readonly Section[]): string {
  const links = sections.map(({ id, name }) => `<a href="#${id}">${escapeHtml(name)}</a>`).join(" · ");
  const body = sections.map(({ id, name, html }) => `<section id="${id}"><h2>${escapeHtml(name)}</h2>${html}</section>`).join("\n");
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<title>${escapeHtml(title)}</title><style>${CSS}</style></head><body><main><h1>${escapeHtml(title)}</h1>` +
    `<p class="lead">${escapeHtml(lead)}</p><nav>${links}</nav>${body}</main></body></html>\n`
  );
}

export type Section = { id: string; name: string; html: string };

export const paragraph = (text: string, kind = ""): string => `<p${kind && ` class="${kind}"`}>${escapeHtml(text)}</p>`;

export const list = (items: readonly string[], html: (item: string) => string = escapeHtml): string =>
  `<ul>${items.map((item) => `<li>${html(item)}</li>`).join("")}</ul>`;

/** A still picture with its title for those who cannot see it. */
export function picture(figure: Figure): string {
  const title = figure.layout.title as { text?: string } | undefined;
  const name = (title?.text ?? "chart").replace(/<[^>]+>/g, "");
  return `<figure role="img" aria-label="${escapeHtml(name)}">${figure.svg()}</figure>`;
}

/** A picture that was drawn before. As an image it can neither run a script nor clash with others. */
export const savedPicture = (svg: string, name: string): string =>
  `<figure><img alt="${escapeHtml(name)}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}"></figure>`;

/** Rows as a table; columns in the order in which rows name them, and left out where no row has a value. */
export function table(rows: readonly Row[], { strong = (_: Row) => false }: { strong?: (row: Row) => boolean } = {}): string {
  if (rows.length === 0) return paragraph("None.", "quiet");
  const columns = columnNames(rows).filter((name) => rows.some((row) => row[name] !== null && row[name] !== undefined));
  const digits = new Map(columns.map((name) => [name, digitsOf(rows.map((row) => row[name]))]));
  const kind = (name: string): string => (rows.some((row) => typeof row[name] === "number") ? ' class="n"' : "");
  const cell = (row: Row, name: string): string => {
    const value = row[name];
    if (typeof value === "number") return `<td class="n">${fixed(value, digits.get(name))}</td>`;
    return `<td${kind(name)}>${value === null || value === undefined ? "–" : escapeHtml(String(value))}</td>`;
  };
  const head = columns.map((name) => `<th${kind(name)}>${escapeHtml(name)}</th>`).join("");
  const body = rows
    .map((row) => `<tr${strong(row) ? ' class="strong"' : ""}>${columns.map((name) => cell(row, name)).join("")}</tr>`)
    .join("");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** The same for a whole column: none for counts, 3 for shares, 1 for large numbers. */
function digitsOf(values: readonly unknown[]): number {
  const numbers = values.filter((value) => typeof value === "number" && Number.isFinite(value)) as number[];
  if (numbers.every(Number.isInteger)) return 0;
  return numbers.some((value) => Math.abs(value) >= 10) ? 1 : 3;
}

const CSS = `
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:#24292f;font:15px/1.5 Helvetica,Arial,sans-serif}
main{max-width:1000px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:26px;line-height:1.25;margin:0 0 6px}
h2{font-size:19px;margin:36px 0 8px;padding-top:10px;border-top:1px solid #d8dbdf;break-after:avoid}
h3{font-size:15px;margin:20px 0 4px;break-after:avoid}
p{margin:6px 0;max-width:80ch}
ul{margin:6px 0;padding-left:20px;max-width:86ch}
li{margin:4px 0}
nav{font-size:13px;margin:10px 0}
a{color:#0a5a8f}
.lead,.quiet{color:#57606a}
.quiet{font-size:13px}
.verdict{border-left:4px solid #0072b2;background:#f2f7fb;padding:10px 14px;font-size:16px;max-width:none}
figure{margin:14px 0;break-inside:avoid}
figure svg,figure img{max-width:100%;height:auto;display:block}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:12.5px;line-height:1.35;margin:8px 0}
th,td{padding:3px 9px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid #e6e8eb}
th{border-bottom:1.5px solid #8a8f98;vertical-align:bottom}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th.n{white-space:normal}
td:last-child,th:last-child{padding-right:0}
tr{break-inside:avoid}
tr.strong td{background:#f2f7fb;font-weight:600}
details{border-bottom:1px solid #e6e8eb;padding:3px 0;font-size:13px}
summary{cursor:pointer}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;font-size:12.5px;margin:4px 0;max-width:88ch}
.said{white-space:pre-wrap;overflow-wrap:anywhere}
@page{size:A4;margin:14mm}
@media print{
 body{font-size:10pt}
 main{max-width:none;padding:0}
 ul,p{max-width:none}
 li{font-size:9pt;margin:2pt 0}
 nav,#samples{display:none}
 h1{font-size:17pt}
 h2{font-size:13pt;margin-top:18pt}
 table{font-size:7.5pt}
 th,td{padding-right:5pt}
 .scroll{overflow:visible}
 .verdict{font-size:11pt}
 a{color:inherit;text-decoration:none}
}
`.replace(/\n\s*/g, "");
