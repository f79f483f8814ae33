import { cut } from "../core/cut.js";
import { type Displayable, displayable } from "./display.js";
import { escapeHtml } from "./html.js";
import { columnNames, formatNumber, tableBundle } from "./table.js";
import { textWidth } from "./text-box.js";

/** One row: what is seen at once, and the texts that it opens to. */
export type OpenRow = { cells: Record<string, string | number | null>; texts: { name: string; text: string }[] };

export type OpenTableOptions = {
  title?: string;
  /** Rows shown at most. Default 200. */
  rows?: number;
  /** Characters of a text shown at most. Default 4,000. */
  characters?: number;
};

/**
 * A table whose rows open to long texts such as prompt and response. It is made of `details` elements, so it needs no script: it works in a
 * saved page, and in JupyterLab for a notebook that is not trusted. All text is escaped.
 */
export function openTable(
  rows: readonly OpenRow[],
  { title = "", rows: most = 200, characters = 4000 }: OpenTableOptions = {},
): Displayable {
  const shown = rows.slice(0, most);
  const columns = columnNames(shown.map(({ cells }) => cells));
  const note = rows.length > most ? `first ${most} of ${rows.length} rows` : "";
  return displayable({}, () => ({
    "text/html": openTableHtml(shown, { title, note, characters }),
    "text/plain": tableBundle({ columns, values: shown.map(({ cells }) => columns.map((name) => cells[name])) }, { title, rows: most })[
      "text/plain"
    ],
  }));
}

/** The HTML alone, for pages. */
export function openTableHtml(rows: readonly OpenRow[], { title = "", note = "", characters = 4000 } = {}): string {
  const columns = columnNames(rows.map(({ cells }) => cells));
  const widths = columns.map((name, j) => {
    // Names are bold, and a page's own font may be wider than the one that was measured.
    const widest = Math.max(textWidth(name, 1.25), ...rows.map(({ cells }) => textWidth(cell(cells[name]), 1)));
    return Math.min(j === columns.length - 1 ? 40 : 26, widest + 1.3);
  });
  const numeric = columns.map((name) => rows.some(({ cells }) => typeof cells[name] === "number"));
  const line = (texts: string[]): string =>
    texts
      .map(
        (text, j) =>
          `<span style="${SPAN};width:${widths[j]!.toFixed(1)}em;text-align:${numeric[j] ? "right" : "left"}">${escapeHtml(text)}</span>`,
      )
      .join("");
  const head = `<div style="${LINE};font-weight:600;padding-left:1.05em">${line(columns)}</div>`;
  const body = rows.map(({ cells, texts }) => {
    const opened = texts.map(
      ({ name, text }) => `<div style="${NAME}">${escapeHtml(name)}</div><div style="${TEXT}">${escapeHtml(cut(text, characters))}</div>`,
    );
    return `<details style="${LINE}"><summary style="cursor:pointer">${line(columns.map((name) => cell(cells[name])))}</summary>${opened.join("")}</details>`;
  });
  const caption = title ? `<div style="font-weight:600;margin:4px 0">${escapeHtml(title)}</div>` : "";
  return `<div style="font-size:13px;overflow-x:auto">${caption}${head}${body.join("")}${note ? `<div style="${NAME}">${escapeHtml(note)}</div>` : ""}</div>`;
}

const LINE = "white-space:nowrap;padding:3px 0;border-bottom:1px solid rgba(128,128,128,.3)";
const SPAN = "display:inline-block;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom;padding-right:1em;box-sizing:border-box";
const NAME = "opacity:.7;font-size:12px;margin:6px 0 0 1.3em";
const TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;max-width:760px;margin:2px 0 6px 1.3em;line-height:1.45";

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return typeof value === "number" ? formatNumber(value) : value.replace(/\s+/g, " ");
}
