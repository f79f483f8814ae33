import { spearman } from "../../eval/spearman.js";
import { type Figure, figure, type Trace } from "../figure.js";
import { BLUE, DIM, fixed, GREY, titled } from "../style.js";
import { around } from "./lanes.js";

/** One response by every evaluator: EQ scores by the evaluator's name. */
export type EvaluatorScores = { id?: string; scores: Record<string, number> };

/** A panel for each other evaluator: its EQ score against the headline's. On the diagonal both agree; off it the score is the evaluator's. */
export function evaluatorAgreement(
  rows: readonly EvaluatorScores[],
  { headline, title = "Do the evaluators agree?", subtitle = "" }: { headline: string; title?: string; subtitle?: string },
): Figure {
  const others = [...new Set(rows.flatMap(({ scores }) => Object.keys(scores)))].filter((name) => name !== headline);
  const range = around(rows.flatMap(({ scores }) => Object.values(scores)));
  const gap = 0.1 / Math.max(others.length, 1);
  const panels = others.map((name, i) => {
    const both = rows.filter(({ scores }) => scores[name] !== undefined && scores[headline] !== undefined);
    const [x, y] = [both.map(({ scores }) => scores[headline]!), both.map(({ scores }) => scores[name]!)];
    return { name, ids: both.map(({ id = "" }) => id), x, y, rho: spearman(x, y), at: i === 0 ? "" : String(i + 1) };
  });
  const data = panels.flatMap(({ name, ids, x, y, at }): Trace[] => {
    const axes = { xaxis: `x${at}`, yaxis: `y${at}` };
    const marker = { color: BLUE, size: 6, opacity: Math.max(0.2, Math.min(0.7, 60 / x.length)) };
    return [
      {
        ...axes,
        type: "scatter",
        mode: "lines",
        name: "equal",
        x: range,
        y: range,
        line: { color: GREY, dash: "dash", width: 1.5 },
        hoverinfo: "skip",
      },
      {
        ...axes,
        type: "scatter",
        mode: "markers",
        name,
        x,
        y,
        text: ids,
        marker,
        hovertemplate: "%{text}: %{x:.3f} and %{y:.3f}<extra></extra>",
      },
    ];
  });
  const width = Math.max(560, 70 + 340 * others.length);
  const part = (i: number): [number, number] => [
    i / others.length + (i > 0 ? gap : 0),
    (i + 1) / others.length - (i + 1 < others.length ? gap : 0),
  ];
  const axes = panels.flatMap(({ name, at }, i) => [
    [`xaxis${at}`, { range, domain: part(i), anchor: `y${at}`, title: { text: headline } }],
    [`yaxis${at}`, { range, anchor: `x${at}`, title: { text: name } }],
  ]);
  return figure(data, {
    ...Object.fromEntries(axes),
    title: titled(title, subtitle || "EQ score of the same responses; the headline's evaluator across"),
    width,
    height: 450,
    margin: { l: 64, r: 24, t: 100, b: 56 },
    showlegend: false,
    annotations: panels.map(({ rho, x, at }) => ({
      ...{
        text: `Spearman's ρ ${rho === null ? "–" : fixed(rho)}, n = ${x.length}`,
        x: 0.02,
        y: 1.0,
        xref: `x${at} domain`,
        yref: `y${at} domain`,
      },
      ...{ showarrow: false, xanchor: "left", align: "left", yanchor: "bottom", font: { size: 12, color: DIM } },
    })),
  });
}
