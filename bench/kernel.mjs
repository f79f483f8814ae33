/** `npm run bench -- kernel`: our Jupyter kernel beside tslab, ipykernel and Deno, in turn on this machine. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { probe } from "./kernels/features.mjs";
import { measure, median } from "./kernels/figures.mjs";
import { findSides } from "./kernels/sides.mjs";

/** `only`: names of sides; all of them unless told. */
export async function benchKernels({ rounds, json, only = [] }) {
  for (const name of ["EQLAB_BENCH_PYTHON", "EQLAB_BENCH_DENO"]) {
    const path = process.env[name];
    if (path && !existsSync(path)) throw new Error(`${name}: expected a program, ${path} is not there`);
  }
  const root = fileURLToPath(new URL("../", import.meta.url));
  const empty = mkdtempSync(join(tmpdir(), "eqlab-bench-"));
  const { EQLAB_BENCH_PYTHON: python, EQLAB_BENCH_DENO: deno } = process.env;
  const { sides: all, missing } = findSides({ root, empty, python, deno });
  const sides = all.filter(({ name }) => only.length === 0 || only.includes(name));
  if (sides.length === 0) throw new Error(`sides: expected one of ${all.map(({ name }) => name).join("; ")}, got ${only.join("; ")}`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1)); // the client ends its kernels at an exit
  for (const line of missing) console.error(`left out: ${line}`);
  const loadBefore = loadavg();
  const runs = Object.fromEntries(sides.map(({ name }) => [name, []]));
  const features = {};
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const side of sides) {
        console.error(`round ${round} of ${rounds}: ${side.name} ...`);
        runs[side.name].push(await measure(side));
      }
    }
    for (const side of sides.filter(({ scope }) => scope === "all")) {
      console.error(`features: ${side.name} ...`);
      features[side.name] = await probe(side);
    }
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
  const machine = {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    loadBefore,
    loadAfter: loadavg(),
  };
  const figures = Object.fromEntries(Object.entries(runs).map(([name, found]) => [name, summary(found)]));
  const result = { case: "kernel", date: new Date().toISOString(), rounds, machine, figures, features };
  if (json) console.log(JSON.stringify(result, null, 2));
  else print(result);
}

/** Of each figure over the rounds: the median, the range and the words where it was no number. */
function summary(rounds) {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))];
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.map((round) => round[name]).filter((value) => value !== undefined);
      const numbers = values.filter((value) => typeof value === "number");
      const words = values.filter((value) => typeof value === "string");
      const range = numbers.length > 0 && { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) };
      return [name, { ...range, ...(words.length > 0 && { words }) }];
    }),
  );
}

function print({ machine, rounds, figures, features }) {
  const load = (values) => values[0].toFixed(1);
  console.log(
    `\nkernel: ${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, Node ${machine.node}, ${rounds} rounds, load ${load(machine.loadBefore)} before, ${load(machine.loadAfter)} after\n`,
  );
  table("median (range)", figures, cell);
  console.log("");
  table("feature", features, (value) => (value === true ? "yes" : value === false ? "no" : String(value ?? "")));
}

function table(title, columns, text) {
  const sides = Object.keys(columns);
  const rows = [...new Set(sides.flatMap((side) => Object.keys(columns[side])))];
  const lines = [[title, ...sides], ...rows.map((row) => [row, ...sides.map((side) => text(columns[side][row], row))])];
  const widths = lines[0].map((_, i) => Math.max(3, ...lines.map((line) => line[i].length)));
  lines.splice(
    1,
    0,
    widths.map((width) => "-".repeat(width)),
  );
  for (const line of lines) console.log(`| ${line.map((word, i) => word.padEnd(widths[i])).join(" | ")} |`);
}

function cell(figure, row) {
  if (!figure) return "";
  const { median: middle, min, max, words = [] } = figure;
  const said = [...new Set(words)].map((word) => {
    const times = words.filter((other) => other === word).length;
    return times === words.length && middle === undefined ? word : `${word} ×${times}`;
  });
  if (middle === undefined) return said.join("; ");
  const [unit, digits, name] = unitOf(row, max);
  const show = (value) => (value / unit).toFixed(digits);
  const range = min === max ? "" : ` (${show(min)}–${show(max)})`;
  return [`${show(middle)}${name}${range}`, ...said].join("; ");
}

function unitOf(row, most) {
  if (row.includes("before idle")) return [1, 0, ""];
  if (row.startsWith("memory")) return [2 ** 20, 0, " MiB"];
  return most < 1 ? [1e-3, most < 0.1 ? 1 : 0, " ms"] : [1, 2, " s"];
}
