/**
 * Where text stands in a drawing that no browser lays out. jsdom has no fonts, so widths are estimated, on the wide side: from
 * DejaVu Sans, which is about a seventh wider than Helvetica. Plotly needs them for margins, legends and sliders.
 */

export type Box = { left: number; top: number; right: number; bottom: number };

const NARROW = new Set("ijl|.,:;'!I()[]ft ");
const WIDE = new Set("mwMW@%—…");

/** Estimated width of a text in pixels. */
export function textWidth(text: string, fontSize: number): number {
  let em = 0;
  for (const character of text) {
    if (NARROW.has(character)) em += 0.34;
    else if (WIDE.has(character)) em += 0.95;
    else em += character >= "A" && character <= "Z" ? 0.68 : 0.6;
  }
  return em * fontSize;
}

/** The box around all text inside an SVG element, in the coordinates of the drawing; empty at the origin where there is none. */
export function textBox(element: Element): Box {
  const texts = element.tagName === "text" ? [element] : [...element.querySelectorAll("text")];
  const boxes = texts.map(boxOfText).filter((box) => box.right > box.left);
  if (!boxes.length) return { left: 0, top: 0, right: 0, bottom: 0 };
  return {
    left: Math.min(...boxes.map((box) => box.left)),
    top: Math.min(...boxes.map((box) => box.top)),
    right: Math.max(...boxes.map((box) => box.right)),
    bottom: Math.max(...boxes.map((box) => box.bottom)),
  };
}

const LINE_HEIGHT = 1.3;

function boxOfText(text: Element): Box {
  const size = fontSize(text);
  const lines = [...text.querySelectorAll("tspan.line")].map((line) => line.textContent ?? "");
  if (!lines.length) lines.push(text.textContent ?? "");
  const width = Math.max(...lines.map((line) => textWidth(line, size))) * (/bold|[6-9]00/.test(styleOf(text, "font-weight")) ? 1.08 : 1);
  const anchor = styleOf(text, "text-anchor");
  const left = Number(text.getAttribute("x") ?? 0) - (anchor === "middle" ? width / 2 : anchor === "end" ? width : 0);
  const top = Number(text.getAttribute("y") ?? 0) - size;
  const bottom = top + size * LINE_HEIGHT * lines.length;
  return transformed({ left, top, right: left + (width && Math.ceil(width)), bottom }, text);
}

function fontSize(element: Element): number {
  return Number.parseFloat(styleOf(element, "font-size")) || 12;
}

/** Plotly writes its styles into the elements; what it leaves out is inherited. */
function styleOf(element: Element, name: string): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const value = (at as SVGElement).style?.getPropertyValue(name) || at.getAttribute(name);
    if (value) return value;
  }
  return "";
}

/** The box after every `translate` and `rotate` from the element up to the drawing. */
function transformed(box: Box, element: Element): Box {
  let corners: [number, number][] = [
    [box.left, box.top],
    [box.right, box.top],
    [box.left, box.bottom],
    [box.right, box.bottom],
  ];
  for (let at: Element | null = element; at && at.tagName !== "svg"; at = at.parentElement) {
    const steps = [...(at.getAttribute("transform") ?? "").matchAll(/(translate|rotate)\(([^)]*)\)/g)].reverse();
    for (const [, kind, list] of steps) {
      const [a = 0, b = 0, c = 0] = list!.split(/[\s,]+/).map(Number);
      corners = corners.map(([x, y]) => (kind === "translate" ? [x + a, y + b] : rotated(x, y, a, b, c)));
    }
  }
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

function rotated(x: number, y: number, degrees: number, aroundX: number, aroundY: number): [number, number] {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  const [dx, dy] = [x - aroundX, y - aroundY];
  return [aroundX + dx * cos - dy * sin, aroundY + dx * sin + dy * cos];
}
