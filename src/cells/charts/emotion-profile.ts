import { type Figure, figure, type Trace } from "../figure.js";
import { COLOURS, PALE, titled } from "../style.js";
import { around, lanes, namesOfSeries } from "./lanes.js";
import { SYMBOLS } from "./score-by-length.js";

/** The mean share of each emotion in a variant's responses. */
export type EmotionShares = { name: string; shares: Record<string, number> };

export type EmotionProfileOptions = {
  title?: string;
  subtitle?: string;
  /** Those that count as empathy: their names are bold. */
  counted?: readonly string[];
  /** Emotions shown at most, those with the largest share anywhere. */
  most?: number;
};

/** What each variant's responses sound like: a lane an emotion, a mark a variant. Unlike a radar it keeps its shape in any order. */
export function emotionProfile(rows: readonly EmotionShares[], options: EmotionProfileOptions = {}): Figure {
  const { title = "Emotions in the responses", subtitle = "", counted = [], most = 14 } = options;
  const largest = new Map<string, number>();
  for (const { shares } of rows)
    for (const [emotion, share] of Object.entries(shares)) largest.set(emotion, Math.max(share, largest.get(emotion) ?? 0));
  const emotions = [...largest.keys()].sort((a, b) => largest.get(b)! - largest.get(a)!).slice(0, most);
  const { places, left, axis, height } = lanes(emotions);
  const tall = 26 * Math.max(emotions.length, 1);
  const { legend, right, bottom } = namesOfSeries(
    rows.map(({ name }) => name),
    { below: 66 / tall },
  );
  const data: Trace[] = rows.map(({ name, shares }, i) => ({
    ...{ type: "scatter", mode: "markers", name, y: places },
    x: emotions.map((emotion) => shares[emotion] ?? 0),
    marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 10, opacity: 0.85 },
    hovertemplate: `${name}: %{x:.3f}<extra></extra>`,
  }));
  const bold = (emotion: string): string => (counted.includes(emotion) ? `<b>${emotion}</b>` : emotion);
  return figure(data, {
    title: titled(
      title,
      subtitle || (counted.length > 0 ? "Mean share of the summed probabilities; bold: counted as empathy" : "Mean share"),
    ),
    width: 760 + right - 24,
    height: Math.max(height(84, 60 + bottom, 26), 150 + 20 * rows.length),
    margin: { l: left, r: right, t: 84, b: 60 + bottom },
    showlegend: true,
    legend,
    xaxis: { title: { text: "share" }, range: around([...largest.values()]), zeroline: false },
    yaxis: { ...axis, ticktext: emotions.map(bold), showgrid: true, gridcolor: PALE },
  });
}
