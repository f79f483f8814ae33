import { type Figure, figure } from "../figure.js";
import { BLUE, DIM, fixed, GREY, INK, label, SOFT_BLUE, titled } from "../style.js";

/** F1 of one class; `low` and `high` bound its interval, `support` counts its true examples. */
export type ClassF1 = { name: string; f1: number; support?: number; low?: number; high?: number };

/** One bar a class, best first, with the macro mean as a line. */
export function classF1(rows: readonly ClassF1[], { title = "F1 by class", subtitle = "" } = {}): Figure {
  const sorted = [...rows].sort((a, b) => b.f1 - a.f1 || a.name.localeCompare(b.name));
  const macro = rows.reduce((sum, { f1 }) => sum + f1, 0) / rows.length;
  const [highest, margin] = [Math.max(...rows.map((row) => row.high ?? row.f1), macro), 0.02];
  const names = sorted.map(({ name, support }) =>
    support === undefined ? name : `${name} <span style="color:${GREY}">(${support})</span>`,
  );
  const intervals = sorted.some(({ low, high }) => low !== undefined && high !== undefined);
  const bars = {
    type: "bar",
    orientation: "h",
    name: "F1",
    x: sorted.map(({ f1 }) => f1),
    y: names,
    marker: { color: intervals ? SOFT_BLUE : BLUE },
    ...(intervals && {
      error_x: {
        type: "data",
        symmetric: false,
        array: sorted.map(({ f1, high = f1 }) => high - f1),
        arrayminus: sorted.map(({ f1, low = f1 }) => f1 - low),
        color: INK,
        thickness: 1.2,
        width: 3,
      },
    }),
    hovertemplate: "%{y}: %{x:.3f}<extra></extra>",
  };
  const values = sorted.map(({ f1, high = f1 }, i) => label(fixed(f1), high, names[i], DIM, { font: { size: 12, color: DIM } }));
  return figure([bars], {
    title: titled(title, subtitle || `Macro-F1 ${fixed(macro, 3)} over ${rows.length} classes`),
    height: 130 + 22 * Math.max(rows.length, 4),
    showlegend: false,
    xaxis: { title: { text: "F1" }, range: [0, Math.min(1.1, highest * 1.12 + margin)], tickformat: ".1f" },
    yaxis: { autorange: "reversed", showgrid: false, ticks: "", tickfont: { size: 12 } },
    shapes: [{ type: "line", x0: macro, x1: macro, y0: 0, y1: 1, yref: "paper", line: { color: GREY, width: 1.5, dash: "dot" } }],
    annotations: [
      ...values,
      label("macro mean", macro, 0, DIM, { yref: "paper", yanchor: "bottom", yshift: 4, font: { size: 12, color: DIM } }),
    ],
  });
}
