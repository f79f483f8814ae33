/** One look for all charts: light ground, legible type, colours that colour-blind readers can tell apart (Okabe and Ito 2008). */

export const BLUE = "#0072b2";
export const ORANGE = "#e69f00";
export const GREEN = "#009e73";
export const RED = "#d55e00";
export const PINK = "#cc79a7";
export const SKY = "#56b4e9";
export const YELLOW = "#f0e442";
export const GREY = "#8a8f98";
export const INK = "#24292f";
export const DIM = "#57606a";
export const PALE = "#e6e8eb";
/** Blue that dark interval lines stand out from. */
export const SOFT_BLUE = "#7fb6d9";
/** Grey for bars that are there for comparison. */
export const SOFT_GREY = "#c3c8ce";

/** In the order in which series take them; the palest come last. */
export const COLOURS = [BLUE, RED, GREEN, ORANGE, PINK, SKY, GREY, YELLOW] as const;

export const FONT = "Helvetica, Arial, sans-serif";

/** Pixels of a chart unless it says otherwise. */
export const WIDTH = 760;
export const HEIGHT = 420;

const axis = {
  showgrid: true,
  gridcolor: PALE,
  zeroline: false,
  linecolor: "#b8bdc4",
  ticks: "",
  ticklabelstandoff: 6,
  automargin: true,
  title: { standoff: 10, font: { size: 13 } },
};

/** The plotly template that every figure starts from. */
export const template = {
  layout: {
    font: { family: FONT, size: 13, color: INK },
    paper_bgcolor: "white",
    plot_bgcolor: "white",
    colorway: [...COLOURS],
    title: { x: 0, xref: "container", xanchor: "left", pad: { l: 16 }, y: 1, yref: "container", yanchor: "top", font: { size: 17 } },
    margin: { l: 64, r: 24, t: 72, b: 56 },
    xaxis: axis,
    yaxis: axis,
    hovermode: "closest",
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", bgcolor: "rgba(255,255,255,0)" },
    bargap: 0.25,
  },
};

/** A title with, below it, one line on what to look at. */
export const titled = (text: string, subtitle?: string): object => ({
  text: `<b>${text}</b>`,
  pad: { l: 16, t: 14 },
  ...(subtitle && { subtitle: { text: subtitle, font: { size: 13, color: DIM } } }),
});

/** Text beside what it names, in the colour of what it names. `x` and `y` in units of the axes unless `where` says otherwise. */
export const label = (
  text: string,
  x: unknown,
  y: unknown,
  colour: string,
  where: { xanchor?: string; [name: string]: unknown } = {},
): object => ({
  text,
  align: where.xanchor ?? "left", // a text in the middle of its box would move with the box's estimated width
  x,
  y,
  showarrow: false,
  xanchor: "left",
  yanchor: "middle",
  xshift: 6,
  font: { color: colour, size: 13 },
  ...where,
});

/** A number with a fixed count of digits after the point. */
export const fixed = (value: number, digits = 2): string => {
  if (!Number.isFinite(value)) return "–";
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
};
