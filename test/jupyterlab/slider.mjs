// The live slider of 01_sft, whose cells have run, and what is left of it in a saved page.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { seconds } from "./server.mjs";

/** The cell with the live slider, and the one with the figure that has its own. */
const SLIDER = 6;
const FIGURE = 7;

export async function checkSlider(lab, report) {
  const cell = await lab.cell(SLIDER);
  const handle = cell.locator(".noUi-handle").first();
  await handle.scrollIntoViewIfNeeded();
  report.check("the slider's value has the digits of its step", /^\d+\.\d$/.test(await cell.locator(".widget-readout").textContent()));
  const { width } = await cell.locator(".widget-slider").first().boundingBox();
  report.check("the slider has room to drag", width >= 380, `${Math.round(width)} px`);
  const readout = async () => Number(await cell.locator(".widget-readout").textContent());
  const plotly = (await cell.locator(".js-plotly-plot").count()) > 0;
  const drawn = async () =>
    plotly
      ? titleOf(await cell.locator(".js-plotly-plot .g-gtitle").textContent())
      : titleOf(decodeURIComponent((await cell.locator(".jp-OutputArea-output img").last().getAttribute("src")) ?? ""));
  report.check("the figure stands at the slider's value", (await drawn()) === (await readout()), `T = ${await drawn()}`);

  await handle.focus();
  for (let i = 0; i < 5; i++) await lab.page.keyboard.press("ArrowRight");
  const byKeys = await settled(drawn, 2.5);
  report.check(
    "five arrow keys move the slider to 2.5, and the figure follows",
    byKeys === 2.5 && (await readout()) === 2.5,
    `T = ${byKeys}`,
  );

  const box = await handle.boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await lab.page.mouse.move(x, y);
  await lab.page.mouse.down();
  const seen = new Set();
  for (let i = 1; i <= 40; i++) {
    await lab.page.mouse.move(x + i * 1.5, y);
    await seconds(0.04);
    seen.add(await drawn());
  }
  await lab.shot("slider-dragged");
  await lab.page.mouse.up();
  const target = await readout();
  const byMouse = await settled(drawn, target);
  report.check("the figure is redrawn while the mouse drags", seen.size > 2, `${seen.size} values seen: ${[...seen].join(" ")}`);
  report.check("it ends at the slider's value", byMouse === target, `T = ${byMouse}, slider ${target}`);
  await lab.shot("slider-after");
  const began = Date.now();
  await handle.focus();
  await lab.page.keyboard.press("ArrowLeft");
  const next = Math.round((target - 0.1) * 10) / 10;
  await settled(drawn, next);
  report.note(`from a key to the new figure: ${Date.now() - began} ms`);
  const value = await lab.say("temperature");
  report.check("`temperature` in the next cell is the slider's value", Number(value) === next, value);
}

/**
 * The figure's own slider needs no kernel. Where JupyterLab has plotly's labextension (the Python package plotly brings it; images such as
 * Kaggle's have it), it takes the plotly form and the slider is plotly's. Without, it takes the HTML form: pictures, and an `<input>` that
 * changes between them.
 */
export async function checkFigure(lab, report) {
  const cell = await lab.cell(FIGURE);
  await seconds(2);
  await lab.shot("figure");
  const plot = cell.locator(".js-plotly-plot");
  if ((await plot.count()) === 0) {
    const before = await visiblePicture(cell);
    await moveToEnd(cell.locator("input[type=range]").first());
    await seconds(0.5);
    const after = await visiblePicture(cell);
    report.check("without plotly's extension the figure's own slider works", before !== after && after.length > 0);
    await lab.shot("figure-moved");
    return report.note("JupyterLab has no labextension of plotly here: the figure is HTML");
  }
  const title = () => plot.locator(".g-gtitle").textContent();
  const before = await title();
  const rail = await plot.locator(".slider-rail-touch-rect").boundingBox();
  await lab.page.mouse.click(rail.x + rail.width * 0.9, rail.y + rail.height / 2);
  await seconds(1.5);
  const after = await title();
  report.check("with plotly's extension the figure's own slider works", before !== after, `${before} -> ${after}`);
  await lab.shot("figure-moved");
}

/** Saves the notebook, and opens it as the page that nbconvert makes, and anew in JupyterLab with a fresh kernel. */
export async function checkSaved(lab, report, venv) {
  await lab.page.keyboard.press("Control+s");
  await seconds(2);
  const path = join(lab.server.notebooks, "01_sft.ipynb");
  await promisify(execFile)(join(venv, "bin", "jupyter"), ["nbconvert", "--to", "html", "--output", "saved.html", path], {
    env: { ...process.env, HOME: lab.server.home },
  });
  const page = await (await lab.page.context().browser().newContext()).newPage();
  await page.goto(`file://${join(lab.server.notebooks, "saved.html")}`, { waitUntil: "domcontentloaded" });
  const pictures = await page.evaluate(() => [...document.querySelectorAll("img[src^='data:image/svg']")].map((one) => one.src));
  const svgs = pictures.map((one) => Buffer.from(one.slice(one.indexOf(",") + 1), "base64").toString());
  const inline = await page.evaluate(() => [...document.querySelectorAll("svg")].map((one) => one.outerHTML));
  report.check(
    "the saved page shows the mix",
    [...svgs, ...inline].some((one) => one.includes("Mixing by temperature")),
  );
  const sliders = page.locator(".js-plotly-plot .slider-container, input[type=range]");
  report.check("the saved page has a slider that can be moved", (await sliders.count()) > 0, `${await sliders.count()} found`);
  const title = page.getByText("Mixing by temperature").first();
  await title.scrollIntoViewIfNeeded().catch(() => {});
  await seconds(1);
  await page.screenshot({ path: join(lab.folder, "saved-page.png") });
  await page.context().close();

  const { outputs } = (await lab.cells())[SLIDER];
  const begun = Number(/temperature: ([\d.]+)/.exec(JSON.stringify(outputs))?.[1]);
  const kept = outputs.map(({ data }) => titleOf([data?.["image/svg+xml"]].flat().join("")));
  report.check(
    "the file keeps the drawing at the slider's last place",
    kept.some((one) => one > 0 && one !== begun),
    `T = ${kept.join(", ")}`,
  );

  await lab.menu("Kernel", "Shut Down Kernel");
  await seconds(3);
  await lab.page.reload({ waitUntil: "domcontentloaded" });
  await lab.page.waitForSelector(".jp-NotebookPanel .jp-Cell");
  await seconds(6);
  const cell = await lab.cell(SLIDER);
  await seconds(2);
  const drawing = await cell
    .locator(".jp-OutputArea-output")
    .filter({ has: lab.page.locator(".js-plotly-plot, img, svg") })
    .count();
  report.check("opened again, the cell shows the drawing", drawing > 0);
  const lost = await cell.getByText("Error displaying widget").count();
  if (lost > 0) report.note("the slider itself says that its model is gone: JupyterLab keeps no widgets unless its settings say so");
  await lab.shot("reopened");
}

/** The picture that shows, of those that the slider changes between. */
const visiblePicture = async (cell) => {
  const shown = await cell.locator("img:visible").all();
  return (await Promise.all(shown.map((one) => one.getAttribute("src")))).join();
};

const moveToEnd = (input) =>
  input.evaluate((element) => {
    element.value = element.max;
    for (const type of ["input", "change"]) element.dispatchEvent(new Event(type, { bubbles: true }));
  });

/** Waits until `read` gives `wanted`, ten seconds at most; the last reading. */
async function settled(read, wanted) {
  for (const began = Date.now(); Date.now() - began < 10_000; await seconds(0.03)) if ((await read()) === wanted) return wanted;
  return read();
}

/** The temperature in the title of a figure. */
function titleOf(text) {
  return Number(/T = ([\d.]+)/.exec(text ?? "")?.[1]);
}
