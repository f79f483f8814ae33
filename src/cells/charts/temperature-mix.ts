import { expected } from "../../core/errors.js";
import { type Figure, figure, type Trace } from "../figure.js";
import { BLUE, COLOURS, fixed, titled } from "../style.js";

/** One source at one temperature. */
export type MixtureShare = {
  source: string;
  /** Part of all draws, 0 to 1. */
  share: number;
  /** Draws divided by the size of the source: how often it is gone through. */
  epochs: number;
  /** Draws beyond the size of the source: they show an example again. */
  repeats: number;
};

export type TemperatureMixOptions = {
  /** Where the slider can stand; 1 is sampling by size, large values draw near to equal shares. */
  temperatures?: readonly number[];
  /** Where it stands at first; the nearest stop is taken. */
  at?: number;
  /** Without it the figure stands at exactly `at`, drawn to the same scale: for a slider that lives outside, such as `liveSlider`. */
  slider?: boolean;
};

const STOPS = [1, 1.25, 1.43, 1.75, 2, 2.5, 3.33, 5, 10, 100];

const PANELS = [
  { key: "share", title: "share of draws", format: (value: number) => `${fixed(value * 100, 1)} %` },
  { key: "epochs", title: "epochs", format: (value: number) => fixed(value, 2) },
  { key: "repeats", title: "repeated draws", format: (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 0 }) },
] as const;

/**
 * Shares, epochs and repeats of each source, with a slider in the figure that moves the temperature: `mixtureShares` is called once for
 * each stop, so the slider needs no kernel and works in a saved page.
 */
export function temperatureMix(
  mixtureShares: (temperature: number) => readonly MixtureShare[],
  options: TemperatureMixOptions = {},
): Figure {
  const { temperatures = STOPS, at = 2, slider = true } = options;
  if (!temperatures.length) throw new RangeError(expected("temperatureMix: temperatures", "at least one stop of the slider", temperatures));
  const mixes = temperatures.map((temperature) => mixtureShares(temperature));
  const active = temperatures.reduce((best, value, i) => (Math.abs(value - at) < Math.abs(temperatures[best]! - at) ? i : best), 0);
  const [shownAt, mix] = slider ? [temperatures[active]!, mixes[active]!] : [at, mixtureShares(at)];
  const steps = mixes.map((mix, i) => {
    const traces = tracesOf(mix);
    const values = { x: traces.map(({ x }) => x), text: traces.map(({ text }) => text) };
    // "update" needs no frames, which some front ends do not register.
    return { label: shown(temperatures[i]!), method: "update", args: [values, { "title.text": titleText(temperatures[i]!) }] };
  });
  const axes = Object.fromEntries(PANELS.flatMap((panel, i) => panelAxes(panel, i, mixes)));
  return figure(tracesOf(mix), {
    ...axes,
    title: {
      ...titled("", "Temperature flattens the mix: small sources are drawn more often, and repeated"),
      text: titleText(shownAt),
    },
    height: (slider ? 222 : 140) + 44 * mix.length,
    showlegend: false,
    margin: { l: 64, r: 30, t: 96, b: slider ? 106 : 24 },
    sliders: slider
      ? [
          {
            active,
            steps,
            currentvalue: { prefix: "temperature T = ", font: { size: 14 }, xanchor: "left" },
            pad: { t: 36, b: 0 },
            x: 0,
            len: 1,
            bordercolor: BLUE,
            activebgcolor: BLUE,
            ticklen: 5,
          },
        ]
      : [],
  });
}

const titleText = (temperature: number): string =>
  `<b>Mixing by temperature: T = ${shown(temperature)} (α = ${fixed(1 / temperature, 2)})</b>`;

const shown = (temperature: number): string => (temperature === Number.POSITIVE_INFINITY ? "∞" : String(temperature));

type MixTrace = Trace & { x: number[]; text: string[] };

function tracesOf(mix: readonly MixtureShare[]): MixTrace[] {
  return PANELS.map(({ key, title, format }, i) => ({
    type: "bar",
    orientation: "h",
    name: title,
    x: mix.map((row) => row[key]),
    y: mix.map((row) => row.source),
    text: mix.map((row) => format(row[key])),
    textposition: "outside",
    cliponaxis: false,
    constraintext: "none",
    marker: { color: mix.map((_, j) => COLOURS[j % COLOURS.length]) },
    xaxis: i ? `x${i + 1}` : "x",
    yaxis: "y",
    hovertemplate: `%{y}: ${title} %{text}<extra></extra>`,
  }));
}

/** The same scale at every temperature, with room for the number beside the longest bar. */
function panelAxes(panel: (typeof PANELS)[number], i: number, mixes: (readonly MixtureShare[])[]): [string, object][] {
  const largest = Math.max(...mixes.flat().map((row) => row[panel.key]), 0) || 1;
  const x = {
    title: { text: panel.title },
    side: "top",
    domain: [i * 0.345, i * 0.345 + 0.31],
    range: [0, largest * 1.42],
    showticklabels: false,
    ticks: "",
    showgrid: false,
    anchor: "y",
  };
  const y = { autorange: "reversed", showgrid: false, ticks: "", showline: false };
  return [[i ? `xaxis${i + 1}` : "xaxis", x], ...(i ? [] : [["yaxis", y] as [string, object]])];
}
