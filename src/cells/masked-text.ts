import { cut } from "../core/cut.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { type Displayable, displayable } from "./display.js";
import { escapeHtml } from "./html.js";

type MaskedRow = { ids: ArrayLike<number>; targets: ArrayLike<number | boolean>; segments: ArrayLike<number> };

/** A training row as text, what the loss counts marked; packed dialogues are set apart by a rule. At most `limit` characters. */
export function maskedText(tokenizer: Tokenizer, row: MaskedRow, { limit = 1500 } = {}): Displayable {
  const runs = runsOf(row).map(({ ids, ...run }) => ({ ...run, text: tokenizer.decode(ids, { skipSpecial: false }) }));
  const shown: typeof runs = [];
  let left = limit;
  for (const run of runs) {
    if (left <= 0) break;
    shown.push({ ...run, text: cut(run.text, left) });
    left -= run.text.length;
  }
  return displayable({}, () => ({
    "text/html": `<div style="white-space:pre-wrap;font-size:13px;line-height:1.5;max-width:760px">${shown.map(html).join("")}</div>`,
    "text/plain": shown.map(({ text, target }) => (target ? `«${text}»` : text)).join(""),
  }));
}

type Run = { ids: number[]; target: boolean; segment: number };

/** Stretches of tokens of one dialogue that are all targets, or all not. */
function runsOf({ ids, targets, segments }: MaskedRow): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < ids.length && segments[i] !== 0; i++) {
    const [target, segment] = [Boolean(targets[i]), segments[i]!];
    const last = runs.at(-1);
    if (last && last.target === target && last.segment === segment) last.ids.push(ids[i]!);
    else runs.push({ ids: [ids[i]!], target, segment });
  }
  return runs;
}

function html(
  { text, target, segment }: { text: string; target: boolean; segment: number },
  i: number,
  all: { segment: number }[],
): string {
  const rule = i > 0 && all[i - 1]!.segment !== segment ? '<hr style="margin:6px 0;border:0;border-top:1px dashed #8a8f98">' : "";
  const body = escapeHtml(text);
  return rule + (target ? `<mark style="background:#cfe8f7;color:inherit">${body}</mark>` : `<span style="opacity:.75">${body}</span>`);
}
