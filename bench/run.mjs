// usage: npm run bench [-- CASE [--rounds N] [--json]]     npm run bench -- setup     npm run bench -- kernel [--rounds N] [--json] [--only SIDE]...
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES, TINY_CASES } from "./cases.mjs";
import { printResult } from "./print.mjs";
import { summary } from "./report.mjs";
import { run, runRounds } from "./rounds.mjs";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, rounds: { type: "string", default: "5" }, only: { type: "string", multiple: true } },
  });
  const [name] = positionals;
  const rounds = Number(values.rounds);
  if (!(Number.isInteger(rounds) && rounds >= 1)) throw new Error(`--rounds: expected a whole number, at least 1, got ${values.rounds}`);
  if (name === undefined) list();
  else if (name === "setup") await run("bash", [path("../test/reference/setup-oracle.sh"), path(".venv")], "inherit");
  else if (name === "kernel") await (await import("./kernel.mjs")).benchKernels({ rounds, json: values.json, only: values.only });
  else await bench(name, rounds, values.json);
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

function list() {
  const line = ([name, { about, goals }]) => `  ${name.padEnd(16)}${about}${goalText(goals)}`;
  console.log(
    ["cases:", ...Object.entries(CASES).map(line), "to try the bench itself:", ...Object.entries(TINY_CASES).map(line)].join("\n"),
  );
  console.log("others:\n  kernel          our Jupyter kernel beside others\n  setup           the peer's Python environment");
}

function goalText({ fractionOfMatmul, ...byPeer }) {
  const goals = Object.entries(byPeer).map(([name, { ratio, memoryRatio }]) => {
    const memory = memoryRatio === undefined ? "" : `, ${memoryRatio}x its memory`;
    return `${ratio}x the ${name}'s${memory}`;
  });
  if (fractionOfMatmul !== undefined) goals.push(`${fractionOfMatmul} of the matmul rate`);
  return goals.length > 0 ? `: ${goals.join("; ")}` : "";
}

async function bench(name, rounds, json) {
  const given = { ...CASES, ...TINY_CASES }[name];
  if (!given) {
    const known = [...Object.keys(CASES), ...Object.keys(TINY_CASES), "kernel", "setup"].join(", ");
    throw new Error(`case: expected one of ${known}, got ${JSON.stringify(name)}`);
  }
  const { runs, loads } = await runRounds(given, rounds);
  const { about, unit, settings, goals, model, data } = given;
  const result = {
    case: name,
    about,
    unit,
    ...summary(given, runs),
    wanted: goals,
    settings: { ...settings, model, ...(data ? { data } : {}) },
    rounds,
    date: new Date().toISOString(),
    loads,
    machine: { cpu: cpus()[0].model, cores: cpus().length, memoryBytes: totalmem() },
    versions: { ours: runs.ours[0].versions, peer: runs.peer[0].versions },
  };
  if (json) console.log(JSON.stringify(result, null, 2));
  else printResult(result);
  check(result);
}

/** @throws Error where the figures compare nothing; a goal that was missed is no error. */
function check({ notSupported, agreement }) {
  if (notSupported) throw new Error(`not supported by ours: ${notSupported}`);
  const wrong = agreement.filter(({ agrees }) => !agrees);
  if (wrong.length === 0) return;
  const said = wrong.map(({ what, side, difference, allowed }) => `${what} of "${side}" differ by ${difference} (allowed ${allowed})`);
  throw new Error(`the results differ, so the figures do not compare the same work: ${said.join("; ")}`);
}
