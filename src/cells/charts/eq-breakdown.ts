import { type Figure, figure, type Trace } from "../figure.js";
import { BLUE, COLOURS, fixed, GREY, SOFT_GREY, titled } from "../style.js";

/** One scored response: the probability of each empathetic emotion (they add up to the empathy mass) and the alignment, `null` where there is none. */
export type EqSample = { id: string; mass: Record<string, number>; alignment: number | null };

const EXTRA = ["#7b3294", "#543005", "#003c30", "#4d4d4d"];
const NAMED_UP_TO = 40;

/** Empathy mass by emotion, stacked, a bar a sample, largest first; below it each sample's alignment. */
export function eqBreakdown(samples: readonly EqSample[], { title = "Empathy by sample", subtitle = "" } = {}): Figure {
  const total = ({ mass }: EqSample): number => Object.values(mass).reduce((sum, value) => sum + value, 0);
  const sorted = [...samples].sort((a, b) => total(b) - total(a));
  const emotions = byWeight(samples);
  const alphabet = emotions.filter((emotion) => emotion !== "neutral").sort();
  const named = sorted.length <= NAMED_UP_TO;
  const x = sorted.map((_, i) => i + 1); // places, since ids may come twice
  const bars: Trace[] = emotions.map((emotion) => ({
    type: "bar",
    name: emotion,
    x,
    y: sorted.map(({ mass }) => mass[emotion] ?? 0),
    marker: { color: colourOf(emotion, alphabet.indexOf(emotion)), line: { width: 0 } },
    customdata: sorted.map(({ id }) => id),
    hovertemplate: `%{customdata}: ${emotion} %{y:.3f}<extra></extra>`,
  }));
  const aligned = sorted.some(({ alignment }) => alignment !== null);
  const alignment: Trace = {
    type: "scatter",
    mode: "markers",
    name: "alignment",
    x,
    y: sorted.map((sample) => sample.alignment),
    marker: { color: BLUE, size: named ? 8 : 5 },
    yaxis: "y2",
    showlegend: false,
    customdata: sorted.map(({ id }) => id),
    hovertemplate: "%{customdata}: alignment %{y:.2f}<extra></extra>",
  };
  const mean = samples.reduce((sum, sample) => sum + total(sample), 0) / (samples.length || 1);
  const ticks = named
    ? { tickvals: x, ticktext: sorted.map(({ id }) => id), tickangle: -90, tickfont: { size: 11 } }
    : { title: { text: "samples, by empathy mass" } };
  return figure(aligned ? [...bars, alignment] : bars, {
    title: titled(title, subtitle || `Mean empathy mass ${fixed(mean, 3)} over ${samples.length} samples`),
    width: 900,
    height: aligned ? 560 : 440,
    barmode: "stack",
    bargap: named ? 0.2 : 0,
    margin: { l: 70, r: 150, t: 72, b: 60 },
    legend: { orientation: "v", x: 1.01, xanchor: "left", y: 1, yanchor: "top", traceorder: "reversed", font: { size: 12 } },
    xaxis: { ...ticks, showgrid: false, anchor: aligned ? "y2" : "y", range: [0.4, sorted.length + 0.6] },
    yaxis: { title: { text: "empathy mass" }, domain: aligned ? [0.38, 1] : [0, 1], rangemode: "tozero" },
    ...(aligned && { yaxis2: { title: { text: "alignment" }, domain: [0, 0.28], zeroline: true, zerolinecolor: GREY, nticks: 5 } }),
  });
}

/** The emotions of all samples, the one with the greatest mass first, `neutral` on top of the stack. */
function byWeight(samples: readonly EqSample[]): string[] {
  const sums = new Map<string, number>();
  for (const { mass } of samples) for (const [emotion, value] of Object.entries(mass)) sums.set(emotion, (sums.get(emotion) ?? 0) + value);
  const rank = (emotion: string): number => (emotion === "neutral" ? -1 : sums.get(emotion)!);
  return [...sums.keys()].sort((a, b) => rank(b) - rank(a));
}

/** An emotion has one colour in every chart of the same emotions. Grey is kept for `neutral`. */
function colourOf(emotion: string, place: number): string {
  if (emotion === "neutral") return SOFT_GREY;
  const colours = [...COLOURS.filter((colour) => colour !== GREY), ...EXTRA];
  return colours[place % colours.length]!;
}
