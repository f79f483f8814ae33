// Input, output in place, floods and widgets. In an empty notebook.
import { seconds } from "./server.mjs";

const ASKING = `const who = prompt("Your name? ");
const secret = password("Secret? ");
console.log("hello", who, secret?.length, "letters");`;

const COUNTING = `const bar = progress(30, "demo");
for (let i = 1; i <= 30; i++) {
  await new Promise((done) => setTimeout(done, 100));
  bar.update(i, "step " + i);
}
bar.done();`;

export async function checkOutput(lab, report) {
  const asked = await lab.append(ASKING);
  await lab.runHere({ wait: false });
  const input = lab.page.locator(".jp-Stdin-input");
  await input.waitFor();
  await lab.shot("prompt");
  await input.fill("Ada");
  await input.press("Enter");
  const hidden = lab.page.locator(".jp-Stdin-input[type=password]");
  await hidden.waitFor();
  await hidden.fill("four");
  await lab.shot("password");
  await hidden.press("Enter");
  await lab.idle();
  report.check("prompt() and password() are answered", (await lab.text(asked)).includes("hello Ada 4 letters"), await lab.text(asked));

  const bar = await lab.append(COUNTING);
  await lab.runHere({ wait: false });
  for (const began = Date.now(); (await lab.text(bar)) === "" && Date.now() - began < 30_000; ) await seconds(0.05); // the library loads
  const texts = new Set();
  let most = 0;
  for (let i = 0; i < 25; i++) {
    await seconds(0.1);
    texts.add(await lab.text(bar));
    most = Math.max(most, (await lab.cells())[bar].outputs.length);
    if (i === 12) await lab.shot("progress");
  }
  await lab.idle();
  report.check(
    "a progress bar changes in place",
    texts.size > 4 && most === 1,
    `${texts.size} states in ${most} output; at last ${await lab.text(bar)}`,
  );

  const late = await lab.append('setTimeout(() => console.log("late"), 1500);\nconsole.log("early");');
  await lab.runHere();
  await seconds(2);
  report.check("what a timer prints after its cell arrives there", /early\s+late/.test(await lab.text(late)), await lab.text(late));

  const flood = await lab.append('for (let i = 0; i < 20_000; i++) console.log("line " + i);');
  await lab.runHere({ limit: 120 });
  const lines = (await lab.text(flood)).trimEnd().split("\n").filter(Boolean);
  report.check(
    "20,000 printed lines arrive in order",
    lines.length === 20_000 && lines.every((line, i) => line === `line ${i}`),
    `${lines.length} lines`,
  );
  const status = await lab.page
    .locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator")
    .first()
    .getAttribute("data-status");
  report.check("the kernel's indicator says idle", status === "idle", status);
  await lab.shot("flood");
  await (await lab.cell(flood)).locator(".jp-InputPrompt").first().click();
  await lab.page.keyboard.press("Escape");
  await lab.page.keyboard.press("d");
  await lab.page.keyboard.press("d");
}

const GALLERY = `const size = widgets.slider({ label: "size", min: 1, max: 20, value: 3 });
const rate = widgets.slider({ label: "learning rate", min: 1e-5, max: 1, value: 1e-3, log: true });
const from = widgets.range({ label: "range", min: 0, max: 10 });
const colour = widgets.dropdown({ label: "colour", options: ["red", "green", "blue"] });
const kind = widgets.buttons({ label: "kind", options: { one: 1, two: 2 } });
const on = widgets.checkbox({ label: "filled", value: true });
const note = widgets.text({ label: "note", placeholder: "write here" });
const area = widgets.output();
const press = widgets.button({ label: "draw", kind: "primary", onClick: () => {
  console.log("printed by the button");
  return area.show(html\`<b style="color:\${colour.value}">\${note.value} × \${size.value}\${on.value ? " filled" : ""}</b>\`);
} });
widgets.vbox(size, rate, from, colour, kind, on, note, press, area)`;

const VALUES = `display(tf.range(0, 12).reshape([3, 4]));
display([{ name: "a", n: 1 }, { name: "b", n: 22.5 }]);
display(md\`## Heading with *emphasis* and $x^2$\`);
display(svg\`<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><rect width="120" height="40" rx="8" fill="#0072b2"/></svg>\`);
display({ deep: { deeper: { deepest: { end: [1, 2, 3] } } }, map: new Map([["k", new Set([1])]]), when: new Date(0) });
display({ data: [{ type: "bar", x: ["a", "b"], y: [1, 2] }], layout: { title: { text: "Plotly" } } });
console.error("to stderr");
new Error("a value, not thrown")`;

export async function checkWidgets(lab, report) {
  const index = await lab.append(GALLERY);
  await lab.runHere();
  const cell = await lab.cell(index);
  report.check(
    "widgets appear",
    (await cell.locator(".widget-slider").count()) >= 3 && (await cell.locator("select").count()) === 1,
    await lab.text(index),
  );
  const readouts = await cell.locator(".widget-readout").allTextContents();
  report.check("a slider without a step stands at its value", /^3(\.0)?$/.test(readouts[0] ?? ""), readouts.join("; "));
  await cell.locator("select").selectOption("blue");
  await cell.locator("input[type=text]").fill("stars");
  await cell.locator("input[type=checkbox]").uncheck();
  await cell.locator("button", { hasText: "draw" }).click();
  await seconds(1.5);
  const shown = await cell.locator(".jp-OutputArea").last().textContent();
  report.check("a button draws with the values of the others", /stars × 3($|\s)/.test(shown) && !/filled/.test(shown), shown);
  await lab.shot("widgets");
  report.check("what the button printed is in its cell", (await lab.text(index)).includes("printed by the button"));
  const seen = await lab.say("[colour.value, note.value, on.value]");
  report.check("the next cell sees the values", /blue.*stars.*false/s.test(seen), seen);
  const values = await lab.append(VALUES);
  await lab.runHere();
  const banner = (await lab.text(values)).includes("looks like you are running TensorFlow.js");
  report.check("a first tensor without startEngine() prints no advice of TensorFlow.js", !banner);
  await lab.cell(values);
  await lab.shot("values");
  await lab.page.mouse.wheel(0, 600);
  await seconds(0.6);
  await lab.shot("values-2");
}
