// Stopping and starting: in 01_sft, whose cells have run.
import { seconds } from "./server.mjs";

const TRAINING = `const long = eq.addLora(base, { rank: 4, alpha: 8, targets: "all-linear", seed: 1 });
let reached = 0;
const longBar = progress(5000, "long");
for await (const event of eq.trainSft(long, packed.rows, { steps: 5000, batch: 3, learningRate: 1e-3, seed: 0 })) {
  if (event.kind === "step") longBar.update((reached = event.step), \`loss \${event.loss.toFixed(3)}\`);
}`;

export async function checkInterrupt(lab, report) {
  const training = await lab.append(TRAINING);
  await lab.runHere({ wait: false });
  for (const began = Date.now(); !/long [2-9]/.test(await lab.text(training)); await seconds(0.2))
    if (Date.now() - began > 60_000) throw new Error(`expected two training steps within 60 s, got ${await lab.text(training)}`);
  await lab.shot("training");
  const took = await stop(lab);
  const cell = (await lab.cells())[training];
  const error = cell.outputs.find(({ output_type }) => output_type === "error");
  report.check("the stop button ends a training cell within 1.5 s", took < 1.5, `${took.toFixed(2)} s`);
  report.check("it ends with KeyboardInterrupt", error?.ename === "KeyboardInterrupt", await lab.text(training));
  await lab.shot("interrupted");
  const kept = await lab.say("[reached > 0, (await eq.replies(long, asked.slice(0, 1), { template, maxNewTokens: 5 })).length]", {
    limit: 120,
  });
  report.check("the model is kept and answers in the next cell", /\[\s*true, 1\s*\]/.test(kept), kept);

  for (const [name, source] of [
    ["a loop", "let turns = 0;\nwhile (true) turns++;"],
    ["a loop after an await", "await 1;\nfor (;;) turns++;"],
    ["a sleeping loop", "for (;;) await new Promise((done) => setTimeout(done, 50));"],
  ]) {
    const index = await lab.append(source);
    await lab.runHere({ wait: false });
    await seconds(1);
    const duration = await stop(lab);
    const ename = (await lab.cells())[index].outputs.find(({ output_type }) => output_type === "error")?.ename;
    report.check(`the stop button ends ${name}`, duration < 1.5 && ename === "KeyboardInterrupt", `${duration.toFixed(2)} s, ${ename}`);
  }
  await lab.shot("interrupted-loops");
  report.check("the next cell works", (await lab.say("turns > 0")) === "true");
}

export async function checkRestart(lab, report) {
  await lab.button("restart");
  await lab.page.waitForSelector(".jp-Dialog");
  await lab.confirm();
  await seconds(2);
  const took = await lab.idle(60);
  report.note(`restarted after ${(took + 2).toFixed(1)} s`);
  const gone = await lab.say("reached");
  report.check("variables are gone after a restart", /ReferenceError: reached is not defined/.test(gone), gone);
  await lab.shot("restarted");
  const works = await lab.say("const again = 6 * 7;\nagain");
  report.check("it works again", works === "42", works);
}

/** Presses the stop button; the seconds until no cell runs any more. */
async function stop(lab) {
  const began = Date.now();
  await lab.button("interrupt");
  while ((await lab.state()).running > 0) {
    if (Date.now() - began > 20_000) return Number.POSITIVE_INFINITY;
    await seconds(0.02);
  }
  return (Date.now() - began) / 1000;
}
