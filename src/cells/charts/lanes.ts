/** What the charts with a named lane a row share: names that are never cut, places that are never mixed up. */
import { textWidth } from "../text-box.js";

const SIZE = 12;
/** Names wider than this go on in a second line, and a third. */
const MOST = 250;

export type Lanes = {
  /** Where each lane lies, from 0 downwards; names may come twice, so lanes are not told by them. */
  places: number[];
  /** Room for the names, in pixels. */
  left: number;
  /** Of the whole figure, for `top` and `bottom` pixels around the lanes. */
  height(top: number, bottom: number, lane: number): number;
  axis: object;
};

export function lanes(names: readonly string[]): Lanes {
  const texts = names.map((name) => wrapped(name, MOST, SIZE));
  const lines = texts.flatMap((text) => text.split("<br>"));
  const places = names.map((_, i) => i);
  const tallest = Math.max(1, ...texts.map((text) => text.split("<br>").length));
  return {
    places,
    left: Math.max(40, ...lines.map((line) => textWidth(line, SIZE))) + 28,
    height: (top, bottom, lane) => top + bottom + Math.max(lane, 8 + 16 * tallest) * Math.max(names.length, 1),
    axis: {
      tickvals: places,
      ticktext: texts,
      tickfont: { size: SIZE },
      range: [Math.max(names.length, 1) - 0.5, -0.5],
      showgrid: false,
      ticks: "",
      showline: false,
      zeroline: false,
      automargin: false,
    },
  };
}

/**
 * Names of series: one row below the plot where they fit, else a column at its right, which `right` makes room for. `below` is how far, in
 * parts of the plot's height, the row lies under it.
 */
export function namesOfSeries(
  names: readonly string[],
  { below = 0.2, least = 24 } = {},
): { legend: object; right: number; bottom: number } {
  const widths = names.map((name) => textWidth(name, 13) + 54);
  const fits = widths.reduce((sum, width) => sum + width, 0) < 640;
  if (fits)
    return {
      legend: { orientation: "h", x: 0, xanchor: "left", y: -below, yanchor: "top" },
      right: least,
      bottom: names.length > 1 ? 30 : 0,
    };
  const legend = { orientation: "v", x: 1.01, xanchor: "left", y: 1, yanchor: "top", tracegroupgap: 0, font: { size: 12 } };
  return { legend, right: Math.max(...widths) + 8, bottom: 0 };
}

/** Lines of at most `width` pixels, broken between words but not at a no-break space. */
export function wrapped(text: string, width: number, fontSize: number): string {
  const lines: string[] = [];
  for (const word of text.split(/[ \n]+/)) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, fontSize) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join("<br>");
}

/** Both ends of an axis around all values that are numbers and around 0 if wanted, with a little air; never empty. */
export function around(values: readonly (number | null | undefined)[], { zero = true, air = 0.06 } = {}): [number, number] {
  const numbers = values.filter((value) => Number.isFinite(value)) as number[];
  if (zero) numbers.push(0);
  if (numbers.length === 0) return [0, 1];
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const width = high - low || Math.abs(high) || 1;
  return [low - air * width, high + air * width];
}
