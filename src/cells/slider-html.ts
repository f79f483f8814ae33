/** A figure's own slider where no plotly.js runs: one still picture for each stop, and a range input that chooses among them. */
import { escapeHtml } from "./html.js";
import { drawSvg } from "./static-svg.js";

type Stop = { label: string; method?: string; args: [{ [attribute: string]: unknown[] }, { [path: string]: unknown }?] };
type Slider = { active?: number; steps: Stop[]; currentvalue?: { prefix?: string } };
type Data = readonly { [attribute: string]: unknown }[];
type Layout = { [name: string]: unknown };

/** Drawing takes about a tenth of a second a stop. */
const MOST_STOPS = 30;

/** Undefined for a figure without a slider, with one that needs frames, or with too many stops. */
export function sliderHtml(data: Data, layout: Layout): string | undefined {
  const [slider, ...others] = (layout.sliders as Slider[] | undefined) ?? [];
  if (!slider || others.length > 0 || slider.steps.length > MOST_STOPS || !slider.steps.every(({ method }) => method === "update"))
    return undefined;
  const { steps, active = 0, currentvalue = {} } = slider;
  const label = (i: number): string => `${currentvalue.prefix ?? ""}${steps[i]!.label}`;
  const pictures = steps.map(({ args: [traces, changes = {}] }, i) => {
    const svg = drawSvg(restyled(data, traces), relaid(layout, changes));
    const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
    return `<img class="stop" alt="${escapeHtml(label(i))}" src="${source}" style="max-width:100%"${i === active ? "" : " hidden"}>`;
  });
  // Each picture is hidden by its place, so that the page needs no script of its own.
  const choose = "this.closest('div').querySelectorAll('img.stop').forEach((stop, i) => { stop.hidden = i !== Number(this.value); })";
  return (
    `<div style="max-width:${Number(layout.width) || 760}px">${pictures.join("")}` +
    `<input type="range" min="0" max="${steps.length - 1}" step="1" value="${active}" aria-label="${escapeHtml(currentvalue.prefix ?? "stop")}" ` +
    `style="width:100%" oninput="${choose}"></div>`
  );
}

/** plotly's restyle: the i-th value of each attribute belongs to the i-th trace. */
const restyled = (data: Data, changes: { [attribute: string]: unknown[] }): object[] =>
  data.map((trace, i) => ({ ...trace, ...Object.fromEntries(Object.entries(changes).map(([name, values]) => [name, values[i]])) }));

/** plotly's relayout of names such as "title.text", without the slider and the room that it took. */
function relaid(layout: Layout, changes: { [path: string]: unknown }): Layout {
  const margin = { ...(layout.margin as { b?: number } | undefined) };
  const height = Number(layout.height) - Math.max(0, (margin.b ?? 24) - 24);
  const result: Layout = structuredClone({ ...layout, sliders: [], margin: { ...margin, b: 24 }, ...(height > 0 ? { height } : {}) });
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split(".");
    const last = names.pop()!;
    let place = result;
    for (const name of names) {
      place[name] ??= {};
      place = place[name] as Layout;
    }
    place[last] = value;
  }
  return result;
}
