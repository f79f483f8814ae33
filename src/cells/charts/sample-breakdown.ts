import { type Figure, figure, type Trace } from "../figure.js";
import { DIM, fixed, GREY, INK, RED, SOFT_BLUE, titled } from "../style.js";
import { nothing } from "./forest-plot.js";
import { around, lanes } from "./lanes.js";

/** One response with everything that its scores are made of. */
export type ScoredSample = {
  id: string;
  /** Who answered: variant and configuration. */
  by: string;
  /** Share of each emotion that counts as empathy; they add up to the mass. */
  mass: Record<string, number>;
  alignment: number | null;
  eq: number;
  /** The official score of the greedy answer, 10 is perfect; `null` where it is unusable, with the reason. */
  official: number | null;
  reason: string | null;
  /** The question's four emotions with the reference's intensities and the answer's, from 0 to 10. */
  emotions: readonly { name: string; reference: number; answer: number | null }[];
  prompt: string;
  response: string;
};

/** What one response scored and why: mass by emotion on the left, the greedy answer's intensities against the reference's on the right. */
export function sampleBreakdown(sample: ScoredSample): Figure {
  const { id, by, mass, emotions } = sample;
  const names = Object.keys(mass).sort((a, b) => mass[b]! - mass[a]!);
  const [left, right] = [lanes(names), lanes(emotions.map(({ name }) => name))];
  const height = 150 + 24 * Math.max(names.length, 5);
  const bars: Trace = {
    ...{ type: "bar", orientation: "h", name: "mass", y: left.places, marker: { color: SOFT_BLUE } },
    x: names.map((name) => mass[name]!),
    hovertemplate: "%{x:.3f}<extra></extra>",
  };
  const distances = emotions.flatMap(({ reference, answer }, i) => (answer === null ? [] : [{ x: [reference, answer], y: [i, i] }]));
  const lines = distances.map(
    (at): Trace => ({
      ...at,
      type: "scatter",
      mode: "lines",
      line: { color: GREY, width: 3 },
      xaxis: "x2",
      yaxis: "y2",
      hoverinfo: "skip",
    }),
  );
  const marks = (name: string, values: (number | null)[], marker: object): Trace => ({
    ...{ type: "scatter", mode: "markers", name, x: values, y: right.places, xaxis: "x2", yaxis: "y2", cliponaxis: false, marker },
    hovertemplate: `${name}: %{x}<extra></extra>`,
  });
  const reference = marks(
    "reference",
    emotions.map((emotion) => emotion.reference),
    { color: INK, size: 13, symbol: "line-ns-open", line: { width: 3, color: INK } },
  );
  const answer = marks(
    "answer",
    emotions.map((emotion) => emotion.answer),
    { color: RED, size: 10 },
  );
  const width = Math.max(860, left.left + right.left + 520);
  const part = (pixels: number): number => pixels / (width - left.left - 30);
  const middle = 0.46;
  return figure([bars, ...lines, reference, answer], {
    title: titled(`Question ${id}: ${by}`, scoresInWords(sample)),
    ...{ width, height, showlegend: false, margin: { l: left.left, r: 30, t: 100, b: 50 } },
    xaxis: { domain: [0, middle], title: { text: "share of the probabilities (empathy mass)" }, range: around(Object.values(mass)) },
    yaxis: left.axis,
    xaxis2: {
      domain: [middle + part(right.left), 1],
      anchor: "y2",
      title: { text: "intensity: black the reference, red the answer" },
      range: [-0.4, 10.4],
      dtick: 2,
    },
    yaxis2: { ...right.axis, anchor: "x2" },
    annotations: [
      ...names.map((name, i) => ({
        text: fixed(mass[name]!, 3),
        x: mass[name],
        y: i,
        showarrow: false,
        xanchor: "left",
        align: "left",
        xshift: 4,
        font: { size: 11, color: DIM },
      })),
      ...(distances.length === 0
        ? [{ ...nothing("no usable answer"), xref: "x2 domain", yref: "y2 domain", y: 1.06, font: { size: 12, color: RED } }]
        : []),
    ],
  });
}

/** The scores of a sample in one line. */
export function scoresInWords({ eq, mass, alignment, official, reason }: ScoredSample): string {
  const sum = Object.values(mass).reduce((total, share) => total + share, 0);
  const aligned = alignment === null ? "no reference on the labels" : `alignment ${fixed(alignment)}`;
  const answered = official === null ? `official: unusable (${reason ?? "no answer"})` : `official ${fixed(official, 1)} of 10`;
  return `EQ ${fixed(eq, 3)} = mass ${fixed(sum, 3)}, ${aligned}; ${answered}`;
}
