// What helps while a cell is written, and what is said when it is wrong. In an empty notebook.
import { seconds } from "./server.mjs";

const THROWING = `function inner(depth: number): never {
  throw new RangeError("too deep: " + depth);
}
async function outer() {
  await Promise.resolve();
  inner(3);
}
await outer();`;

export async function checkLanguage(lab, report) {
  for (const [source, wanted] of [
    ["eq.", ["trainSft", "show", "loadModel"]],
    ["tf.te", ["tensor", "tensor1d"]],
    ["const words = ['a'];\nwords.fla", ["flat", "flatMap"]],
    ["import { readF } from 'node:fs';", []],
  ]) {
    const index = await lab.append(source);
    if (source.startsWith("import")) for (let i = 0; i < " } from 'node:fs';".length; i++) await lab.page.keyboard.press("ArrowLeft");
    // JupyterLab waits a second for a kernel; a person who saw nothing presses again.
    const list = lab.page.locator(".jp-Completer:visible .jp-Completer-item");
    let took = 0;
    let tries = 0;
    for (let seen = false; !seen && tries < 12; tries++) {
      const began = Date.now();
      await lab.page.keyboard.press("Tab");
      seen = await list
        .first()
        .waitFor({ timeout: 2500 })
        .then(
          () => true,
          () => false,
        );
      took = Date.now() - began;
    }
    await seconds(0.5);
    const names = await list.locator(".jp-Completer-match").allInnerTexts();
    const name = source.split("\n").at(-1);
    if (wanted.length)
      report.check(
        `Tab after ${name}`,
        wanted.every((one) => names.includes(one)),
        `${took} ms at Tab ${tries}: ${names.slice(0, 12).join(" ")}`,
      );
    else report.note(`Tab in ${name}: ${took} ms at Tab ${tries}: ${names.slice(0, 12).join(" ")}`);
    await lab.shot(`complete-${name.replace(/\W+/g, "-")}`);
    await lab.page.keyboard.press("Escape");
    await (await lab.cell(index)).locator(".jp-InputPrompt").first().click();
    await lab.page.keyboard.press("Escape");
    await lab.page.keyboard.press("d");
    await lab.page.keyboard.press("d");
  }

  for (const [source, wanted] of [
    ["tf.tensor1d", /tensor1d.*rank-1/s],
    ["eq.trainSft", /trainSft/],
  ]) {
    await lab.append(source);
    await lab.page.keyboard.press("Shift+Tab");
    const tooltip = lab.page.locator(".jp-Tooltip");
    await tooltip.waitFor({ timeout: 15_000 }).catch(() => {});
    await seconds(0.5);
    const text = (await tooltip.count()) ? await tooltip.textContent() : "no tooltip";
    report.check(`${source}: no names of the kernel's own`, !text.includes("__kernel"), text);
    report.check(`Shift-Tab on ${source}`, wanted.test(text), text);
    await lab.shot(`inspect-${source.replace(/\W+/g, "-")}`);
    await lab.page.keyboard.press("Escape");
  }

  const wrong = await lab.say("const one: number = 1;\nconst two: string = one;\nconsole.log('went on', two);");
  report.check(
    "a type error names the cell's line, and the cell goes on",
    /line 2[\s\S]*TS2322[\s\S]*went on 1|went on 1[\s\S]*line 2[\s\S]*TS2322/.test(wrong),
    wrong,
  );
  const scoped = await lab.say("// @strict\nconst model: string = eq.loadModel('x');");
  report.check("a type error's text has no names of the kernel's own", /TS2322/.test(scoped) && !scoped.includes("__kernel"), scoped);
  const syntax = await lab.say("const first = 1;\nconst second = (;");
  report.check("a syntax error names the cell's line", /line 2/.test(syntax), syntax);
  const strict = await lab.say("// @strict\nlet flag: boolean = 'no';\nconsole.log('not reached');");
  report.check("a strict cell stops at a type error", /TS2322/.test(strict) && !strict.endsWith("not reached"), strict);
  await lab.shot("type-errors");
  const thrown = await lab.say(THROWING);
  report.check(
    "a thrown error's traceback has the cell's lines, and no kernel frames",
    /RangeError: too deep: 3/.test(thrown) && /2/.test(thrown) && !/dist\/kernel/.test(thrown),
    thrown,
  );
  const rejected = await lab.say(
    "void Promise.reject(new TypeError('nobody waited'));\nawait new Promise((done) => setTimeout(done, 200));",
  );
  report.check("an unhandled rejection is told in its cell", /TypeError: nobody waited/.test(rejected), rejected);
  await lab.shot("tracebacks");
}
