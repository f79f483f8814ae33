import { cut } from "../core/cut.js";
import { type ScoredSample, sampleBreakdown, scoresInWords } from "./charts/sample-breakdown.js";
import { type Displayable, displayable } from "./display.js";
import type { Figure } from "./figure.js";
import { escapeHtml } from "./html.js";
import { fixed, GREY, RED, SOFT_BLUE } from "./style.js";

export type SamplePicker = Displayable & {
  /** The picture of one sample, to be saved; the first unless told. @throws RangeError where there is no such sample. */
  figure(id?: string): Figure;
};

/**
 * Samples one at a time, chosen from a list: mass by emotion, alignment, official score, the answer's intensities against the reference's,
 * prompt and response. Everything is drawn beforehand in plain HTML, so that it works without a kernel and without plotly, also in a saved page.
 */
export function samplePicker(samples: readonly ScoredSample[], { characters = 3000 } = {}): SamplePicker {
  const figureOf = (id = samples[0]?.id): Figure => {
    const sample = samples.find((one) => one.id === id);
    if (!sample) throw new RangeError(`sample picker: expected the id of a sample, got ${JSON.stringify(id)}`);
    return sampleBreakdown(sample);
  };
  return displayable({ figure: figureOf }, () => ({
    "text/html": html(samples, characters),
    "text/plain": samples.map((sample) => `${sample.id}, ${sample.by}: ${scoresInWords(sample)}`).join("\n"),
  }));
}

function html(samples: readonly ScoredSample[], characters: number): string {
  if (samples.length === 0) return "<div>no samples</div>";
  // Each sample is hidden by its place, so that the page needs no script of its own.
  const choose = "this.closest('div').querySelectorAll('section.sample').forEach((one, i) => { one.hidden = i !== this.selectedIndex; })";
  const options = samples.map(({ id, by, eq }) => `<option>${escapeHtml(`${id} · ${by} · EQ ${fixed(eq, 3)}`)}</option>`);
  const sections = samples.map((sample, i) => `<section class="sample"${i === 0 ? "" : " hidden"}>${card(sample, characters)}</section>`);
  return (
    `<div style="font-size:13px;max-width:860px"><select aria-label="sample" style="font-size:14px;max-width:100%" onchange="${choose}">` +
    `${options.join("")}</select>${sections.join("")}</div>`
  );
}

const PANEL = "display:inline-block;vertical-align:top;width:410px;max-width:100%;margin:8px 8px 0 0";
const QUIET = "opacity:.7;font-size:12px";

function card(sample: ScoredSample, characters: number): string {
  const text = (value: string): string =>
    `<div style="white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.45">${escapeHtml(cut(value, characters))}</div>`;
  return (
    `<div style="margin-top:8px;font-weight:600">${escapeHtml(scoresInWords(sample))}</div>` +
    `<div style="${PANEL}"><div style="${QUIET}">empathy mass by emotion</div>${masses(sample)}</div>` +
    `<div style="${PANEL}"><div style="${QUIET}">intensities of the greedy answer (red) and of the reference (grey), 0 to 10</div>${intensities(sample)}</div>` +
    `<div style="${QUIET};margin-top:8px">response</div>${text(sample.response)}` +
    `<details style="margin-top:8px"><summary style="${QUIET};cursor:pointer">prompt</summary>${text(sample.prompt)}</details>`
  );
}

/** Name, bar and number in three columns; the bars' cells are as high as their lines. */
const GRID = "display:grid;grid-template-columns:130px 200px auto;column-gap:8px;row-gap:3px";
const bar = (part: number, colour: string, height = ""): string =>
  `<div style="width:${(100 * Math.max(0, Math.min(1, part))).toFixed(0)}%;background-color:${colour}${height}"></div>`;

function masses({ mass }: ScoredSample): string {
  const most = Math.max(1e-9, ...Object.values(mass));
  const names = Object.keys(mass).sort((a, b) => mass[b]! - mass[a]!);
  const lines = names.map(
    (name) => `<div>${escapeHtml(name)}</div>${bar(mass[name]! / most, SOFT_BLUE)}<div>${fixed(mass[name]!, 3)}</div>`,
  );
  return `<div style="${GRID}">${lines.join("")}</div>`;
}

/** Two bars an emotion: thick and red what was answered, thin and grey what the reference says. */
function intensities({ emotions, reason }: ScoredSample): string {
  const lines = emotions.map(({ name, reference, answer }) => {
    const bars = `<div>${answer === null ? "" : bar(answer / 10, RED, ";height:9px")}${bar(reference / 10, GREY, ";height:5px")}</div>`;
    return `<div>${escapeHtml(name)}</div>${bars}<div>${answer === null ? "–" : fixed(answer, 0)} / ${fixed(reference, 0)}</div>`;
  });
  return `<div style="${GRID}">${lines.join("")}</div>${reason === null ? "" : `<div style="${QUIET}">no usable answer: ${escapeHtml(reason)}</div>`}`;
}
