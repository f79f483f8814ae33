import { expected } from "../../core/errors.js";
import { type Figure, figure } from "../figure.js";
import { INK, titled } from "../style.js";
import { textWidth } from "../text-box.js";

/** `counts[i][j]`: examples of class `i` that were taken for class `j`. */
export type Confusion = { names: readonly string[]; counts: readonly (readonly number[])[] };

const CELL = 52;

/**
 * A confusion matrix: colour is the part of the true class, the number the count. Squares are drawn as shapes, since a heatmap needs a
 * canvas that plain Node lacks.
 * @throws RangeError where `counts` is not as wide and high as there are names.
 */
export function confusion({ names, counts }: Confusion, { title = "Confusion", subtitle = "" } = {}): Figure {
  if (counts.length !== names.length || counts.some((row) => row.length !== names.length)) {
    const got = counts.map((row) => row.length);
    throw new RangeError(expected("confusion: counts", `${names.length} rows of ${names.length}`, got));
  }
  const totals = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const cells = names.flatMap((_, i) =>
    names.map((_, j) => {
      const count = counts[i]![j]!;
      return { i, j, count, part: totals[i] ? count / totals[i] : 0 };
    }),
  );
  const right = names.reduce((sum, _, i) => sum + counts[i]![i]!, 0);
  const all = totals.reduce((sum, count) => sum + count, 0);
  const shapes = cells.map(({ i, j, part }) => ({
    type: "rect",
    layer: "below",
    x0: j - 0.5,
    x1: j + 0.5,
    y0: i - 0.5,
    y1: i + 0.5,
    fillcolor: shade(part),
    line: { color: "white", width: 2 },
  }));
  const numbers = {
    type: "scatter",
    mode: "text",
    name: "count",
    x: cells.map(({ j }) => j),
    y: cells.map(({ i }) => i),
    text: cells.map(({ count }) => (count ? String(count) : "")),
    textfont: { size: 12, color: cells.map(({ part }) => (part > 0.45 ? "white" : INK)) },
    customdata: cells.map(({ i, j, part }) => [names[i], names[j], part]),
    hovertemplate: "%{customdata[0]} taken for %{customdata[1]}: %{text} (%{customdata[2]:.0%})<extra></extra>",
  };
  const ticks = { tickvals: names.map((_, i) => i), showgrid: false, ticks: "", showline: false };
  const [left, top] = [
    Math.max(...names.map((name) => textWidth(`${name} (${all})`, 12))) + 60,
    110 + Math.max(...names.map((name) => textWidth(name, 12))) * 0.7,
  ];
  const side = CELL * names.length;
  return figure([numbers], {
    title: titled(
      title,
      subtitle || `${right} of ${all} right (${all ? ((100 * right) / all).toFixed(1) : "–"} %); rows add up to the true class`,
    ),
    width: Math.max(460, left + side + 90),
    height: top + side + 40,
    margin: { l: left, r: Math.max(90, 460 - left - side), t: top, b: 40 },
    showlegend: false,
    shapes,
    xaxis: {
      ...ticks,
      ticktext: [...names],
      range: [-0.5, names.length - 0.5],
      side: "top",
      tickangle: -40,
      title: { text: "predicted" },
      tickfont: { size: 12 },
    },
    yaxis: {
      ...ticks,
      ticktext: names.map((name, i) => `${name} (${totals[i]})`),
      range: [names.length - 0.5, -0.5],
      title: { text: "true" },
      tickfont: { size: 12 },
    },
  });
}

/** From near white to a deep blue. */
function shade(part: number): string {
  const mix = (from: number, to: number): number => Math.round(from + (to - from) * Math.sqrt(part));
  return `rgb(${mix(244, 0)},${mix(246, 90)},${mix(249, 150)})`;
}
