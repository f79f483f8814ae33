import type { Interval } from "../../eval/bootstrap.js";
import { type Figure, figure, type Trace } from "../figure.js";
import { BLUE, DIM, fixed, GREY, INK, RED, titled } from "../style.js";
import { textWidth } from "../text-box.js";
import { around, lanes } from "./lanes.js";

/** One planned comparison: the mean of the paired differences with its interval, and what follows from it. */
export type PlannedDifference = {
  name: string;
  difference: Interval;
  /** The same with length held equal; `null` where it cannot be told. */
  lengthControlled?: Interval | null;
  /** p by Holm over all planned comparisons. */
  holm: number | null;
  verdict: "supported" | "contradicted" | "not shown";
};

const LOOKS = {
  supported: { colour: BLUE, light: "#8fbfe0", symbol: "circle" },
  contradicted: { colour: RED, light: "#f0b08a", symbol: "square" },
  "not shown": { colour: DIM, light: "#b4bac2", symbol: "circle-open" },
} as const;

/**
 * Paired differences with their 95 % intervals about the line of no difference; a lighter diamond below each is the difference at equal
 * length. At the right, in words, Holm's p and the verdict.
 */
export function forestPlot(
  rows: readonly PlannedDifference[],
  { title = "Planned comparisons", subtitle = "", unit = "difference in EQ score", digits = 3 } = {},
): Figure {
  const { places, left, axis, height } = lanes(rows.map(({ name }) => name));
  const data = Object.entries(LOOKS).flatMap(([verdict, look]): Trace[] => {
    const own = rows.map((row, i) => ({ ...row, place: places[i]! })).filter((row) => row.verdict === verdict);
    const strong = own.map(({ difference, lengthControlled, place }) => ({ ...difference, place: place - (lengthControlled ? 0.13 : 0) }));
    const equal = own.flatMap(({ lengthControlled, place }) => (lengthControlled ? [{ ...lengthControlled, place: place + 0.2 }] : []));
    return [
      ...(strong.length > 0 ? [points(strong, verdict, { ...look, size: 10, width: 2.2 }, digits)] : []),
      ...(equal.length > 0
        ? [points(equal, "at equal length", { colour: look.light, symbol: "diamond", size: 7, width: 1.6 }, digits)]
        : []),
    ];
  });
  const words = rows.map((row) => said(row, digits));
  const right = Math.max(120, ...words.flatMap((lines) => lines.map((line) => textWidth(line, 12)))) + 30;
  const range = around(rows.flatMap(({ difference: d, lengthControlled: c }) => [d.low, d.high, d.mean, c?.low, c?.high, c?.mean]));
  return figure(data, {
    title: titled(title, subtitle || explained(rows)),
    width: Math.max(760, left + 330 + right),
    height: height(84, 62, 46),
    margin: { l: left, r: right, t: 84, b: 62 },
    showlegend: false,
    xaxis: { title: { text: unit }, range, zeroline: false },
    yaxis: axis,
    shapes: rows.length > 0 ? [line(0, INK)] : [],
    annotations: [
      ...words.map(([first, second], i) => ({
        ...{
          text: `${first}<br><span style="color:${DIM}">${second}</span>`,
          x: 1,
          xref: "paper",
          y: places[i],
          xanchor: "left",
          xshift: 12,
        },
        ...{ showarrow: false, align: "left", font: { size: 12, color: LOOKS[rows[i]!.verdict].colour } },
      })),
      ...(rows.length === 0 ? [nothing("No planned comparison: it needs two of the variants that are compared.")] : []),
    ],
  });
}

type Point = Interval & { place: number };

function points(
  own: readonly Point[],
  name: string,
  look: { colour: string; symbol: string; size: number; width: number },
  digits: number,
): Trace {
  return {
    type: "scatter",
    mode: "markers",
    name,
    x: own.map(({ mean }) => mean),
    y: own.map(({ place }) => place),
    marker: { color: look.colour, symbol: look.symbol, size: look.size, line: { color: look.colour, width: 2 } },
    error_x: {
      ...{ type: "data", symmetric: false, color: look.colour, thickness: look.width, width: look.size / 2 },
      array: own.map(({ mean, high }) => high - mean),
      arrayminus: own.map(({ mean, low }) => mean - low),
    },
    hovertemplate: `%{x:.${digits}f}, ${name}<extra></extra>`,
  };
}

function said({ difference: { mean, low, high }, holm, verdict }: PlannedDifference, digits: number): [string, string] {
  const p = holm === null ? "no test" : holm < 0.001 ? "Holm p < 0.001" : `Holm p = ${fixed(holm, 3)}`;
  return [`${verdict}, ${p}`, `${signed(mean, digits)} [${signed(low, digits)}, ${signed(high, digits)}]`];
}

const signed = (value: number, digits: number): string => {
  const text = fixed(value, digits);
  return value > 0 && Number(value.toFixed(digits)) !== 0 ? `+${text}` : text;
};

function explained(rows: readonly PlannedDifference[]): string {
  if (rows.length === 0) return "";
  const controlled = rows.some(({ lengthControlled }) => lengthControlled);
  return `Means of paired differences, 95 % intervals; right of 0 the first is higher${controlled ? "; light diamond: at equal length" : ""}`;
}

const line = (x: number, color: string): object => ({
  type: "line",
  x0: x,
  x1: x,
  y0: 0,
  y1: 1,
  yref: "paper",
  line: { color, width: 1.2 },
});

/** What stands in a chart without rows. */
export const nothing = (text: string): object => ({
  ...{ text, x: 0.5, y: 0.5, xref: "paper", yref: "paper", showarrow: false, font: { size: 13, color: GREY } },
});
