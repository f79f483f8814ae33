/** Runs the sides of a case in turn, each in a process of its own, on files that were written once. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What each side said in each round, by the side's name, and the machine's load before each of them. */
export async function runRounds(given, rounds) {
  const python = peerPython();
  const folder = mkdtempSync(join(tmpdir(), "eqlab-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1)); // also a second one, so that all is removed
  try {
    console.error("preparing the model and the data ...");
    await run(process.execPath, [path("prepare.mjs"), JSON.stringify({ folder, model: given.model, data: given.data })]);
    const runs = Object.fromEntries(given.sides.map(({ name }) => [name, []]));
    const loads = [];
    for (let round = 1; round <= rounds; round++) {
      for (const side of given.sides.filter(({ once }) => round === 1 || !once)) {
        console.error(`round ${round} of ${rounds}: ${side.name} ...`);
        loads.push(Number(loadavg()[0].toFixed(2)));
        const program = side.script.endsWith(".py") ? python : process.execPath;
        runs[side.name].push(lastLine(await run(program, [path(side.script), JSON.stringify(settingsOf(given, side, folder, round))])));
      }
    }
    return { runs, loads };
  } finally {
    remove();
    process.removeListener("exit", remove);
  }
}

/** What a side is told. `check`: whether its results are wanted as well as its speed; `began`: when it was started. */
function settingsOf({ model, settings }, side, folder, round) {
  const { steps, ...others } = { ...settings, ...side.settings };
  const own = steps ? { steps: steps[round === 1 ? 0 : 1] } : {};
  return {
    ...others,
    ...own,
    folder,
    modelFolder: join(folder, "model"),
    modelType: model.model_type,
    round,
    check: round === 1,
    began: Date.now(),
  };
}

function peerPython() {
  const python = process.env.EQLAB_BENCH_PYTHON ?? path(".venv/bin/python");
  if (existsSync(python)) return python;
  throw new Error(
    `${python}: not found. Run \`npm run bench -- setup\`, or name a Python with transformers, PEFT and TRL in EQLAB_BENCH_PYTHON`,
  );
}

/** A side's last line; vectors, which it writes to a file, are read. */
function lastLine(text) {
  const said = JSON.parse(text.trim().split("\n").at(-1));
  if (said.results?.vectors) said.results.vectors = floats(said.results.vectors);
  return said;
}

function floats(file) {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** Runs a command to its end and returns what it printed. */
export function run(command, args, stdout = "pipe") {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", stdout, "pipe"] });
    const end = () => child.kill();
    process.once("exit", end);
    let [printed, complaints] = ["", ""];
    child.stdout?.on("data", (chunk) => {
      printed += chunk;
    });
    child.stderr.on("data", (chunk) => {
      complaints = (complaints + chunk).slice(-3000);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.removeListener("exit", end);
      if (code === 0) resolve(printed);
      else reject(new Error(`${args[0] ?? command} ended with ${signal ?? code}:\n${complaints.trim()}`));
    });
  });
}
