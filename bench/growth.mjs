// What time and memory cost against the size of the work: `node bench/growth.mjs [--out DIR]`. Small shapes, under two minutes; each point is a process
// of its own. Prints a table with the exponents that fit (1: in proportion) and writes growth.json and growth.svg.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { figure, writeFileSafely } from "../dist/index.js";
import { AXES } from "./growth-axes.mjs";

const { values } = parseArgs({ options: { out: { type: "string", default: "out/growth" }, rounds: { type: "string", default: "3" } } });
const point = fileURLToPath(new URL("growth-point.mjs", import.meta.url));
mkdirSync(values.out, { recursive: true });
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#24292f"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];

const measured = AXES.map(({ name, unit, sizes }) => ({ name, unit, points: sizes.map((size) => measure(name, size)) }));
const results = measured.map(({ name, unit, points }) => ({
  name,
  unit,
  points,
  timeExponent: exponent(points, ({ seconds }) => seconds),
  memoryExponent: exponent(points, ({ bytes }) => bytes),
}));
print(results);
await writeFileSafely(join(values.out, "growth.json"), `${JSON.stringify(results, null, 2)}\n`);
writeFileSync(join(values.out, "growth.svg"), picture(results).svg());

/** Median seconds of the rounds, and bytes that the process grew by to its peak. */
function measure(name, size) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [point, name, String(size), values.rounds], { encoding: "utf8" });
  if (status !== 0) throw new Error(`growth: ${name} at ${size} ended with ${status}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** The slope of the line through the logarithms, by least squares. */
function exponent(points, pick) {
  const pairs = points.map((point) => [Math.log(point.size), Math.log(Math.max(1e-9, pick(point)))]);
  const mean = (at) => pairs.reduce((sum, pair) => sum + pair[at], 0) / pairs.length;
  const [x, y] = [mean(0), mean(1)];
  return pairs.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / pairs.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

function print(rows) {
  const table = rows.map(({ name, unit, points, timeExponent, memoryExponent }) => ({
    against: name,
    sizes: `${points[0].size} to ${points.at(-1).size} ${unit}`,
    seconds: points.map(({ seconds }) => seconds.toFixed(seconds < 0.1 ? 3 : 2)).join(" "),
    "time ∝ n^": timeExponent.toFixed(2),
    MB: points.map(({ bytes }) => (bytes / 1e6).toFixed(0)).join(" "),
    "memory ∝ n^": memoryExponent.toFixed(2),
  }));
  console.table(table);
}

/** Time and memory side by side, both relative to the smallest point, on logarithmic axes. */
function picture(rows) {
  const traces = rows.flatMap(({ name, points }, i) =>
    ["seconds", "bytes"].map((key, side) => ({
      type: "scatter",
      mode: "lines+markers",
      name,
      legendgroup: name,
      showlegend: side === 0,
      x: points.map(({ size }) => size / points[0].size),
      y: points.map((each) => each[key] / points[0][key]),
      line: { color: COLOURS[i] },
      marker: { symbol: SYMBOLS[i], size: 8, color: COLOURS[i] },
      xaxis: side === 0 ? "x" : "x2",
      yaxis: side === 0 ? "y" : "y2",
    })),
  );
  const most = Math.max(...rows.map(({ points }) => points.at(-1).size / points[0].size));
  const proportional = ["", "2"].map((axis, side) => ({
    type: "scatter",
    mode: "lines",
    name: "in proportion",
    legendgroup: "in proportion",
    showlegend: side === 0,
    x: [1, most],
    y: [1, most],
    line: { color: "#8a8f98", dash: "dash" },
    xaxis: `x${axis}`,
    yaxis: `y${axis}`,
  }));
  const axis = (title, more) => ({ type: "log", dtick: Math.log10(2), tickformat: ".3~g", title: { text: title }, ...more });
  return figure([...traces, ...proportional], {
    width: 1000,
    height: 520,
    title: { text: "<b>Cost against size, relative to the smallest</b>", pad: { l: 16, t: 14 } },
    legend: { orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" },
    margin: { l: 64, r: 24, t: 72, b: 100 },
    xaxis: axis("size", { domain: [0, 0.45] }),
    yaxis: axis("time"),
    xaxis2: axis("size", { domain: [0.55, 1], anchor: "y2" }),
    yaxis2: axis("peak memory of the work", { anchor: "x2" }),
  });
}
