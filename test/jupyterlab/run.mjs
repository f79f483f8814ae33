// Works with the notebooks in a real JupyterLab 4 in headless Chromium, as a person does.
//   node test/jupyterlab/run.mjs --venv DIR --chromium FILE [--shots DIR] [--only notebooks,slider,...] [--project DIR]
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkInterrupt, checkRestart } from "./control.mjs";
import { Lab } from "./lab.mjs";
import { checkLanguage } from "./language.mjs";
import { checkNotebook } from "./notebooks.mjs";
import { checkOutput, checkWidgets } from "./output.mjs";
import { Report } from "./report.mjs";
import { startServer } from "./server.mjs";
import { checkFigure, checkSaved, checkSlider } from "./slider.mjs";

const { values: given } = parseArgs({
  options: {
    venv: { type: "string" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    shots: { type: "string", default: join(tmpdir(), "eqlab-jupyterlab-shots") },
    only: { type: "string", default: "" },
    project: { type: "string", default: fileURLToPath(new URL("../..", import.meta.url)) },
    "jupyter-path": { type: "string", multiple: true, default: [] },
  },
});
if (!given.venv) throw new RangeError("--venv: expected a virtual environment with jupyterlab and ipywidgets, got none");

function chromiumDriver() {
  try {
    return createRequire(import.meta.url)("playwright-core").chromium;
  } catch (error) {
    throw new Error(`playwright-core: expected the package that drives the browser, got: ${error.code}. Remedy: npm install`, {
      cause: error,
    });
  }
}

// Without these, Chromium asks for hosts outside.
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
FLAGS.push("--disable-component-update", "--disable-sync");

const report = new Report();
const driver = chromiumDriver();
const project = resolve(given.project);
await mkdir(given.shots, { recursive: true });
const server = await startServer({ venv: resolve(given.venv), project, jupyterPath: given["jupyter-path"] });
const browser = await driver.launch({ executablePath: given.chromium, headless: true, args: FLAGS });
const stop = async () => {
  await browser.close();
  const left = await server.stop();
  report.check("no process is left", left.length === 0, left.join("; "));
};
process.once("SIGINT", () => void stop().then(() => process.exit(130)));
process.once("SIGTERM", () => void stop().then(() => process.exit(143)));

try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(30_000);
  const lab = new Lab(page, server, given.shots);
  const wanted = given.only.split(",").filter(Boolean);
  const section = (name, steps) => (wanted.length === 0 || wanted.includes(name) ? report.section(name, steps) : undefined);

  // These go on in the notebook that "01_sft" left open, with its variables.
  await section("01_sft", () => checkNotebook(lab, report, "01_sft", { table: 4, figure: 2, widget: 1 }));
  await section("slider", () => checkSlider(lab, report));
  await section("figure", () => checkFigure(lab, report));
  await section("interrupt", () => checkInterrupt(lab, report));
  await section("restart", () => checkRestart(lab, report));
  await section("saved", () => checkSaved(lab, report, resolve(given.venv)));
  await section("02_heads", () => checkNotebook(lab, report, "02_heads", { table: 2, figure: 3 }));
  await section("03_dpo", () => checkNotebook(lab, report, "03_dpo", { table: 3, figure: 1 }));
  await section("04_eqbench", () => checkNotebook(lab, report, "04_eqbench", { table: 4, figure: 3 }));
  await section("language", () => lab.openEmpty("language").then(() => checkLanguage(lab, report)));
  await section("output", () => lab.openEmpty("output").then(() => checkOutput(lab, report)));
  await section("widgets", () => lab.openEmpty("widgets").then(() => checkWidgets(lab, report)));
} finally {
  await stop();
}
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exitCode = report.failed > 0 ? 1 : 0;
