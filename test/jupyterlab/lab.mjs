// JupyterLab as a person uses it: menus, buttons, keys. The notebook's own model is only read, to see what arrived.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { seconds } from "./server.mjs";

const PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)";

export class Lab {
  #shots = 0;

  /** `page`: Playwright's. `folder`: where screenshots go. */
  constructor(page, server, folder) {
    this.page = page;
    this.server = server;
    this.folder = folder;
  }

  /** Opens a notebook with its kernel, in a workspace of its own, and waits until the kernel is idle. */
  async open(file) {
    const { url, token } = this.server;
    await this.page.goto(`${url}/lab/workspaces/w${Date.now()}/tree/${file}?token=${token}`, { waitUntil: "domcontentloaded" });
    await this.page.waitForSelector(`${PANEL} .jp-Cell`, { timeout: 120_000 });
    await this.page.evaluate(() => jupyterapp.shell.collapseLeft());
    await this.idle(90);
  }

  /** Opens a new notebook for our kernel. */
  async openEmpty(name) {
    const metadata = { kernelspec: { name: "eqlab", display_name: "TypeScript (eqlab)", language: "typescript" } };
    const cells = [{ cell_type: "markdown", id: "title", metadata: {}, source: `# ${name}` }];
    await writeFile(join(this.server.notebooks, `${name}.ipynb`), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }));
    await this.open(`${name}.ipynb`);
  }

  /** Waits until the kernel has been idle and no cell has been waiting for half a second. */
  async idle(limit = 60) {
    const began = Date.now();
    for (let quiet = 0; quiet < 3; await seconds(0.2)) {
      const { busy, status, running } = await this.state();
      quiet = busy ? 0 : quiet + 1;
      if (Date.now() - began > limit * 1000)
        throw new Error(`expected an idle kernel within ${limit} s, it is ${status}, ${running} cells wait`);
    }
    return (Date.now() - began) / 1000;
  }

  state() {
    return this.page.evaluate(() => {
      const panel = jupyterapp.shell.currentWidget;
      const status = panel.sessionContext.session?.kernel?.status ?? "none";
      const running = panel.content.widgets.filter((cell) => cell.model.type === "code" && cell.model.executionState === "running").length;
      return { status, running, busy: status !== "idle" || running > 0 };
    });
  }

  /** The cells as the file will have them. */
  cells() {
    return this.page.evaluate(() => jupyterapp.shell.currentWidget.content.widgets.map((cell) => cell.model.toJSON()));
  }

  /** A cell's outputs as text: streams, tracebacks and plain text, without colours. */
  async text(index) {
    const { outputs = [] } = (await this.cells())[index];
    const one = (output) =>
      output.text ?? output.traceback?.join("\n") ?? output.data?.["text/markdown"] ?? output.data?.["text/plain"] ?? "";
    return stripVTControlCharacters(outputs.map((output) => [one(output)].flat().join("")).join("\n"));
  }

  /** Brings a cell into view (cells out of view are not in the page) and makes it the active one. */
  async cell(index) {
    await this.page.evaluate(async (index) => {
      const { content } = jupyterapp.shell.currentWidget;
      content.activeCellIndex = index;
      await content.scrollToItem(index, "start").catch(() => {});
    }, index);
    const found = this.page.locator(`${PANEL} .jp-Cell[data-windowed-list-index="${index}"]`);
    await found.waitFor({ state: "visible", timeout: 15_000 });
    await seconds(0.3);
    return found;
  }

  /** Puts the cursor into a cell. */
  async edit(index) {
    const cell = await this.cell(index);
    await cell
      .locator(".cm-content")
      .first()
      .click({ position: { x: 40, y: 8 } });
    return cell;
  }

  /** Makes a code cell below the last one and writes `source` into it, as pasting does. Returns its index; the cursor stays in it. */
  async append(source) {
    const last = (await this.cells()).length - 1;
    await (await this.cell(last)).locator(".jp-InputPrompt").first().click();
    await this.page.keyboard.press("Escape");
    await this.page.keyboard.press("b");
    await this.cell(last + 1);
    await this.page.keyboard.press("Enter");
    await this.page.keyboard.insertText(source);
    return last + 1;
  }

  /** Makes a cell, runs it, and returns its output's text. */
  async say(source, options) {
    const index = await this.append(source);
    await this.runHere(options);
    return this.text(index);
  }

  /** Runs the cell in which the cursor is. */
  async runHere({ limit = 60, wait = true } = {}) {
    await this.page.keyboard.press("Control+Enter");
    if (!wait) return 0;
    await seconds(0.3);
    return this.idle(limit);
  }

  async run(index, options) {
    await this.edit(index);
    return this.runHere(options);
  }

  async menu(name, item) {
    await this.page.locator(".lm-MenuBar-item", { hasText: new RegExp(`^${name}$`) }).click();
    await this.page.locator(".lm-Menu-item", { hasText: item }).first().click();
  }

  /** A button of the notebook's own bar, by the command behind it. */
  async button(command) {
    await this.page.locator(`${PANEL} .jp-NotebookPanel-toolbar [data-jp-item-name="${command}"]`).first().click();
  }

  async confirm() {
    await this.page.locator(".jp-Dialog .jp-mod-accept").click();
  }

  async shot(name) {
    const path = join(this.folder, `${String(++this.#shots).padStart(2, "0")}-${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** Pictures of the whole notebook, one screen after another. */
  async shots(name) {
    const outer = this.page.locator(`${PANEL} .jp-WindowedPanel-outer`).first();
    await outer.evaluate((element) => element.scrollTo(0, 0));
    for (let part = 1; part <= 14; part++) {
      await seconds(0.7);
      await this.shot(`${name}-${part}`);
      const more = await outer.evaluate((element) => {
        const before = element.scrollTop;
        element.scrollTop += element.clientHeight * 0.92;
        const below = Math.max(...[...element.querySelectorAll(".jp-Cell")].map((cell) => cell.getBoundingClientRect().bottom));
        return element.scrollTop > before + 4 && below > element.getBoundingClientRect().top + 20; // under the last cell there is room
      });
      if (!more) return;
    }
  }
}
