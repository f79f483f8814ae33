import { type Figure, figure, type Trace } from "../figure.js";
import { COLOURS, fixed, titled } from "../style.js";

/** One response: how long it is and what it scored. */
export type LengthScore = { configuration: string; length: number; score: number; id?: string };

export type ScoreLengthOptions = {
  title?: string;
  /** Rank correlation of length and score, said below the title. */
  correlation?: number;
  unit?: string;
  lengthUnit?: string;
};

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x"];

/** Score by length of the response, a mark a response, shape and colour by configuration: does the score only reward length? */
export function scoreByLength(rows: readonly LengthScore[], options: ScoreLengthOptions = {}): Figure {
  const { title = "Score and length", correlation, unit = "EQ score", lengthUnit = "words" } = options;
  const configurations = [...new Set(rows.map(({ configuration }) => configuration))];
  const data: Trace[] = configurations.map((configuration, i) => {
    const own = rows.filter((row) => row.configuration === configuration);
    return {
      type: "scatter",
      mode: "markers",
      name: configuration,
      x: own.map(({ length }) => length),
      y: own.map(({ score }) => score),
      text: own.map(({ id = "" }) => id),
      marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 8, opacity: 0.7 },
      hovertemplate: `${configuration} %{text}: %{y:.3f}, %{x} ${lengthUnit}<extra></extra>`,
    };
  });
  const subtitle =
    correlation === undefined
      ? ""
      : `Spearman's ρ ${fixed(correlation)} over ${rows.length} responses; near 0 is what an honest score shows`;
  return figure(data, {
    title: titled(title, subtitle),
    showlegend: configurations.length > 1,
    legend: { orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" },
    xaxis: { title: { text: `length of the response (${lengthUnit})` }, rangemode: "tozero" },
    yaxis: { title: { text: unit } },
  });
}
