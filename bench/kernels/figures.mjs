/** What is measured in each round. A figure is a number (seconds or bytes), or words where there is none. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Lab, run, timed, within } from "./lab.mjs";
import { isAlive, memoryOf, treeOf } from "./processes.mjs";

const CELLS = 50;
const MANY_CELLS = 300;
const LINES = 100_000;
const LONG = 50_000_000;
const INTERRUPT_SECONDS = 5;
/** A loop that is to be interrupted has begun by then. */
const BEGIN_SECONDS = 1.5;
const FLOOD_SECONDS = 40;

/** One round of one side. */
export async function measure(side) {
  const lab = new Lab(side);
  try {
    const figures = await start(lab, side.cells);
    if (side.scope === "imports") return { ...figures, ...(await imports(lab, side.cells)) };
    Object.assign(figures, await manyCells(lab, side.cells), await floods(lab, side.cells));
    await lab.end(); // what a flood left to be sent must not hold up the answers of the next cells
    return {
      ...figures,
      ...(await interrupts(lab, side.cells)),
      ...(await ends(lab, side)),
    };
  } finally {
    await lab.end();
  }
}

async function start(lab, cells) {
  const { small, complete, inspect } = cells;
  const first = await lab.client({ warm: false }).then(
    (client) => lab.measure(30, () => timed(client, small(0))),
    (error) => `fails: ${error.message.split("\n")[0]}`,
  );
  const { answerSeconds, readySeconds } = lab;
  return {
    "start to kernel_info_reply": answerSeconds ?? "fails",
    "start to ready": readySeconds ?? "fails",
    "first cell, at once": first,
    ...(await idleFirst(lab)),
    "small cell": await lab.measure(60, (client) => smallCells(client, cells, 1)),
    "memory, idle": await lab.measure(5, async () => memoryOf(treeOf(lab.pid))),
    "completion, first": await lab.measure(30, (client) => seconds(() => client.complete(complete(0)))),
    "completion of Math.": await lab.measure(30, (client) => repeated(10, (n) => client.complete(complete(n + 1)))),
    inspect: await lab.measure(30, (client) => repeated(10, () => client.inspect(inspect))),
  };
}

/** A kernel that prepares itself while nobody types is given the time for it. */
async function idleFirst(lab) {
  return { "cell after a rest": await lab.measure(30, (client) => sleep(3000).then(() => timed(client, "1 + 1"))) };
}

async function manyCells(lab, cells) {
  const work = async (client) => {
    for (let n = CELLS + 10; n < MANY_CELLS; n++) await timed(client, cells.small(n));
    return smallCells(client, cells, MANY_CELLS);
  };
  return { [`small cell after ${MANY_CELLS}`]: await lab.measure(60, work) };
}

async function imports(lab, cells) {
  const figures = {};
  for (const [name, code] of Object.entries(cells.imports)) {
    figures[`import ${name}`] = await lab.measure(60, (client) => timed(client, code));
    const imported = typeof figures[`import ${name}`] === "number";
    if (!imported) continue;
    figures[`small cell with ${name}`] = await lab.measure(30, (client) => smallCells(client, cells, 1000));
    if (name !== "@tensorflow/tfjs") continue;
    figures["cell that uses tf"] = await lab.measure(30, (client) => repeated(20, (n) => timed(client, `tf.tensor([${n}, 2]).shape`)));
    figures["completion of tf.te, first"] = await lab.measure(30, (client) => seconds(() => completeTensor(client, 0)));
    figures["completion of tf.te"] = await lab.measure(30, (client) => repeated(10, (n) => completeTensor(client, n + 1)));
    figures["inspect tf.tensor"] = await lab.measure(30, (client) => repeated(10, () => client.inspect("tf.tensor")));
  }
  figures["memory, after imports"] = await lab.measure(5, async () => memoryOf(treeOf(lab.pid)));
  return figures;
}

async function completeTensor(client, n) {
  const { matches = [] } = await client.complete(`const z${n} = tf.te`);
  if (!matches.some((match) => match.endsWith("tensor"))) throw new Error("no completion");
}

async function floods(lab, cells) {
  const lines = await lab.measure(FLOOD_SECONDS, (client) => flood(client, cells.lines(LINES), (text) => text.split("\n").length - 1));
  const long = await lab.measure(FLOOD_SECONDS, (client) => flood(client, cells.long(LONG), (text) => text.replaceAll("\n", "").length));
  return {
    "100,000 lines": lines.seconds ?? lines,
    "100,000 lines, arrived before idle": lines.said ?? lines,
    "50 MB string": long.seconds ?? long,
    "50 MB string, characters before idle": long.said ?? long,
  };
}

/** How much of a cell's output arrived before it was idle, and how soon; `count` says how much a piece of text is. */
async function flood(client, code, count) {
  const begun = performance.now();
  const execution = client.execute(code, { silenceSeconds: 4 });
  let said = 0;
  let idle;
  for await (const { header, content } of execution) {
    if (header.msg_type === "status" && content.execution_state === "idle") idle ??= (performance.now() - begun) / 1000;
    if (header.msg_type === "stream" && idle === undefined) said += count(content.text);
  }
  return { said: idle === undefined ? `${said}, no idle` : said, seconds: idle ?? "no idle" };
}

async function interrupts(lab, cells) {
  const figures = {};
  for (const [name, code] of Object.entries(cells.loops)) {
    const found = await lab.measure(INTERRUPT_SECONDS + BEGIN_SECONDS + 1, (client) => interrupt(client, cells, code));
    const after = found.seconds === undefined ? found : await lab.measure(10, (client) => afterInterrupt(client, cells, name));
    figures[`interrupt ${name}`] = found.seconds ?? found;
    figures[`interrupt ${name}, after`] = after;
    if (after !== "kept, next cell works") await lab.end(); // what still runs must not disturb the next case
  }
  return figures;
}

async function interrupt(client, { keep, print }, code) {
  let begins = () => {};
  const begun = new Promise((resolve) => {
    begins = resolve;
  });
  const forget = client.onMessage(({ header, content }) => header.msg_type === "stream" && content.text.includes("begins") && begins());
  try {
    const execution = client.execute(`${keep}\n${print("'begins'")}\n${code}`, { silenceSeconds: 1 });
    await Promise.race([begun, sleep(BEGIN_SECONDS * 1000)]); // a loop that never gives way may not let its kernel say so
    await sleep(200);
    const asked = performance.now();
    await within(INTERRUPT_SECONDS, Promise.all([client.interrupt(), execution.reply]));
    return { seconds: (performance.now() - asked) / 1000 };
  } finally {
    forget();
  }
}

async function afterInterrupt(client, { print, ticks }, name) {
  await sleep(300); // some refuse what comes in the first moment after an error
  const says = async (expression) => (await run(client, print(expression), { patient: true })).text.trim();
  const works = (await says("'fine'")).includes("fine");
  const kept = (await says("kept + 1")) === "42";
  const words = [kept ? "kept" : "lost", works ? "next cell works" : "next cell fails"];
  if (!name.startsWith("async")) return words.join(", ");
  const before = await says(ticks);
  await sleep(200);
  return [...words, ...((await says(ticks)) === before ? [] : ["loop goes on"])].join(", ");
}

async function ends(lab, side) {
  const shutdown = await lab.measure(10, async (client) => {
    const begun = performance.now();
    const reply = client.request("shutdown_request", { restart: false }, { channel: "control" }).catch(() => undefined);
    await client.ended;
    const seconds = (performance.now() - begun) / 1000;
    return (await reply) ? seconds : "ends without a reply";
  });
  await lab.end();
  return { shutdown, "ends after its client was killed": await orphan(side) };
}

const ORPHAN_SECONDS = 10;

/** Seconds until none of a kernel's processes is left after its client was killed. */
async function orphan({ command, folder }) {
  const temporary = mkdtempSync(join(tmpdir(), "eqlab-bench-")); // a killed client leaves its files
  const script = fileURLToPath(new URL("./parent.mjs", import.meta.url));
  const env = { ...process.env, TMPDIR: temporary };
  const parent = spawn(process.execPath, [script, JSON.stringify({ command, folder })], { env, stdio: ["ignore", "pipe", "ignore"] });
  let pids = [];
  try {
    const started = new Promise((resolve, reject) => {
      createInterface({ input: parent.stdout }).once("line", resolve);
      parent.once("close", () => reject(new Error("the client ended too soon")));
    });
    pids = treeOf(Number(await within(60, started)));
    const begun = performance.now();
    parent.kill("SIGKILL");
    while (pids.some(isAlive)) {
      if (performance.now() - begun > ORPHAN_SECONDS * 1000) return `still there after ${ORPHAN_SECONDS} s`;
      await sleep(20);
    }
    return (performance.now() - begun) / 1000;
  } catch (error) {
    return `fails: ${error.message}`;
  } finally {
    for (const left of new Set([...treeOf(parent.pid), ...pids])) if (isAlive(left)) kill(left);
    rmSync(temporary, { recursive: true, force: true });
  }
}

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {} // it has ended
}

async function smallCells(client, { small }, from) {
  return repeated(CELLS, (n) => timed(client, small(from + n)));
}

/** The median of the seconds that `work` takes. */
async function repeated(times, work) {
  const found = [];
  for (let n = 0; n < times; n++) found.push(await seconds(() => work(n)));
  return median(found);
}

async function seconds(work) {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half) - 1]) / 2;
}
