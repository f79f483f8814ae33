// usage: npm run bench [-- CASE] [--rounds N] [--json]     npm run bench -- setup     npm run bench -- kernel [--rounds N] [--json] [--only SIDE]...
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const GPT2 = { model_type: "gpt2", vocab_size: 50257, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024 };
const STEP = { rank: 16, alpha: 32, learningRate: 1e-3, warmUpSteps: 2, timedSteps: 5 };
const CASES = {
  "step-gpt2-f32": { ...STEP, config: GPT2, batch: 4, time: 256 },
  "step-tiny-f32": { ...STEP, config: { ...GPT2, vocab_size: 61, n_embd: 32, n_head: 4, n_layer: 2, n_positions: 32 }, batch: 2, time: 32 },
};
/** How far apart the two sides' losses may be, in proportion. */
const TOLERANCE = 1e-3;

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, rounds: { type: "string" }, only: { type: "string", multiple: true } },
});
const [name = "step-gpt2-f32"] = positionals;
const rounds = Number(values.rounds ?? (name === "kernel" ? 5 : 2));

try {
  if (name === "setup") await run("bash", [path("../test/reference/setup-oracle.sh"), path(".venv")], "inherit");
  else if (!(Number.isInteger(rounds) && rounds >= 1))
    throw new Error(`--rounds: expected a whole number, at least 1, got ${values.rounds}`);
  else if (name === "kernel") await (await import("./kernel.mjs")).benchKernels({ rounds, json: values.json, only: values.only });
  else await bench();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

async function bench() {
  const given = CASES[name];
  if (!given) throw new Error(`case: expected one of ${Object.keys(CASES).join(", ")}, kernel or setup, got ${JSON.stringify(name)}`);
  const python = process.env.EQLAB_BENCH_PYTHON ?? path(".venv/bin/python");
  if (!existsSync(python))
    throw new Error(
      `${python}: not found. Run \`npm run bench -- setup\`, or name a Python with transformers and PEFT in EQLAB_BENCH_PYTHON`,
    );
  const sides = {
    peer: [python, path("peers/peft-step.py"), { ...given }],
    ours: [process.execPath, path("step.mjs"), { ...given, recompute: false }],
    "ours, recompute": [process.execPath, path("step.mjs"), { ...given, recompute: true }],
  };
  const loadBefore = loadavg();
  const runs = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [side, [command, script, settings]] of Object.entries(sides)) {
      console.error(`round ${round} of ${rounds}: ${side} ...`);
      const text = await run(command, [script, JSON.stringify(settings)]);
      runs[side].push(JSON.parse(text.trim().split("\n").at(-1)));
    }
  }
  const result = report(given, runs, loadBefore);
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
  if (!result.lossesAgree)
    throw new Error(
      `losses differ by ${result.lossDifference.toExponential(1)} in proportion, more than ${TOLERANCE}: the figures do not compare the same work`,
    );
}

/** Runs a command to its end and returns what it printed. */
function run(command, args, stdout = "pipe") {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", stdout, "pipe"] });
    let [printed, complaints] = ["", ""];
    child.stdout?.on("data", (chunk) => {
      printed += chunk;
    });
    child.stderr.on("data", (chunk) => {
      complaints = (complaints + chunk).slice(-3000);
    });
    child.on("error", reject);
    child.on("close", (code, signal) =>
      code === 0 ? resolve(printed) : reject(new Error(`${command} ended with ${signal ?? code}:\n${complaints.trim()}`)),
    );
  });
}

function report(given, runs, loadBefore) {
  const tokens = given.batch * given.time;
  const figures = Object.fromEntries(
    Object.entries(runs).map(([side, found]) => {
      const speeds = found.flatMap(({ seconds }) => seconds.slice(given.warmUpSteps).map((value) => tokens / value)).sort((a, b) => a - b);
      const tokensPerSecond = { median: median(speeds), min: speeds[0], max: speeds.at(-1) };
      return [
        side,
        {
          tokensPerSecond,
          peakBytes: Math.max(...found.map(({ peakBytes }) => peakBytes)),
          losses: found[0].losses,
          about: found.map(({ about }) => about),
        },
      ];
    }),
  );
  const { peer } = figures;
  const ratios = Object.fromEntries(
    Object.entries(figures)
      .filter(([side]) => side !== "peer")
      .map(([side, mine]) => [
        side,
        {
          ratio: mine.tokensPerSecond.median / peer.tokensPerSecond.median,
          memoryRatio: mine.peakBytes / peer.peakBytes,
        },
      ]),
  );
  const wanted = runs.peer[0].losses;
  const lossDifference = Math.max(
    ...Object.values(runs)
      .flat()
      .flatMap(({ losses }) => losses.map((loss, i) => Math.abs(loss / wanted[i] - 1))),
  );
  const machine = { cpu: cpus()[0].model, cores: cpus().length, memoryBytes: totalmem(), loadBefore, loadAfter: loadavg() };
  return {
    case: name,
    date: new Date().toISOString(),
    rounds,
    settings: given,
    machine,
    figures,
    ratios,
    lossDifference,
    lossesAgree: lossDifference <= TOLERANCE,
  };
}

function median(sorted) {
  const half = sorted.length / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half) - 1]) / 2;
}

function print({ machine, figures, ratios, lossDifference }) {
  const load = (values) => values[0].toFixed(1);
  console.log(
    `\n${name}: ${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, load ${load(machine.loadBefore)} before, ${load(machine.loadAfter)} after`,
  );
  for (const [
    side,
    {
      tokensPerSecond: { median: middle, min, max },
      peakBytes,
      losses,
      about,
    },
  ] of Object.entries(figures)) {
    const speed = `${middle.toFixed(0).padStart(6)} tok/s (${min.toFixed(0)} to ${max.toFixed(0)})`;
    const ratio = ratios[side] ? `, ratio ${ratios[side].ratio.toFixed(2)}, memoryRatio ${ratios[side].memoryRatio.toFixed(2)}` : "";
    console.log(
      `${side.padEnd(16)}${speed}, peak ${(peakBytes / 1e9).toFixed(2)} GB${ratio}\n${" ".repeat(16)}loss ${losses.map((loss) => loss.toFixed(4)).join(" ")}\n${" ".repeat(16)}${JSON.stringify(about.at(-1))}`,
    );
  }
  console.log(`losses agree within ${lossDifference.toExponential(1)} (allowed ${TOLERANCE})`);
}
