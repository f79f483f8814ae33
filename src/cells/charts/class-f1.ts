import { type Figure, figure } from "../figure.js";
import { BLUE, DIM, fixed, GREY, INK, label, RED, SOFT_BLUE, titled } from "../style.js";

/** F1 of one class; `low` and `high` bound its interval, `support` counts its true examples, `control` is the F1 of a model that reads no embeddings. */
export type ClassF1 = { name: string; f1: number; support?: number; low?: number; high?: number; control?: number };

/** One bar a class, best first, with the macro mean as a line; an open diamond is the control. */
export function classF1(rows: readonly ClassF1[], { title = "F1 by class", subtitle = "", control = "TF-IDF control" } = {}): Figure {
  const sorted = [...rows].sort((a, b) => b.f1 - a.f1 || a.name.localeCompare(b.name));
  const macro = rows.reduce((sum, { f1 }) => sum + f1, 0) / rows.length;
  const [highest, margin] = [Math.max(...rows.map((row) => Math.max(row.high ?? row.f1, row.control ?? 0)), macro), 0.02];
  const controls = sorted.some((row) => row.control !== undefined);
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
  const diamonds = {
    ...{ type: "scatter", mode: "markers", name: control, x: sorted.map((row) => row.control ?? null), y: names },
    marker: { symbol: "diamond", size: 8, color: "white", line: { color: RED, width: 2 } },
    hovertemplate: `${control}: %{x:.3f}<extra></extra>`,
  };
  const number = { font: { size: 12, color: DIM } };
  const values = sorted.map(({ f1, high = f1, control: other }, i) =>
    controls
      ? label(`${fixed(f1)} <span style="color:${RED}">◇ ${other === undefined ? "–" : fixed(other)}</span>`, 1, names[i], DIM, {
          ...number,
          xref: "paper",
        })
      : label(fixed(f1), high, names[i], DIM, number),
  );
  return figure(controls ? [bars, diamonds] : [bars], {
    title: titled(title, subtitle || `Macro-F1 ${fixed(macro, 3)} over ${rows.length} classes${controls ? `; diamond: ${control}` : ""}`),
    height: 130 + 22 * Math.max(rows.length, 4),
    showlegend: false,
    ...(controls && { margin: { l: 64, r: 110, t: 72, b: 56 } }),
    xaxis: { title: { text: "F1" }, range: [0, Math.min(1.1, highest * 1.12 + margin)], tickformat: ".1f" },
    yaxis: { autorange: "reversed", showgrid: false, ticks: "", tickfont: { size: 12 } },
    shapes: [{ type: "line", x0: macro, x1: macro, y0: 0, y1: 1, yref: "paper", line: { color: GREY, width: 1.5, dash: "dot" } }],
    annotations: [
      ...values,
      label("macro mean", macro, 0, DIM, { yref: "paper", yanchor: "bottom", yshift: 4, font: { size: 12, color: DIM } }),
    ],
  });
}
