// JupyterLab as a person uses it: menus, buttons, keys. The notebook's own model is only read, to see what arrived.
import { join } from "node:path";
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

  /** Waits until the kernel has been idle and no cell has been waiting for half a second. */
  async idle(limit = 60) {
    const began = Date.now();
    for (let quiet = 0; quiet < 3; await seconds(0.2)) {
      const { busy, status, running } = await this.state();
      quiet = busy ? 0 : quiet + 1;
      if (Date.now() - began > limit * 1000) throw new Error(`expected an idle kernel within ${limit} s, it is ${status}, ${running} cells wait`);
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
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes of a terminal's colours
    return outputs.map((output) => [one(output)].flat().join("")).join("\n").replace(/\u001b\[[0-9;]*m/g, "");
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
    await cell.locator(".cm-content").first().click({ position: { x: 40, y: 8 } });
    return cell;
  }

  /** Replaces a cell's text by typing, without the editor's own closing brackets getting in the way. */
  async type(index, source) {
    const cell = await this.edit(index);
    await this.page.keyboard.press("Control+a");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(source);
    return cell;
  }

  /** Shift-Enter in a cell; with `wait: false` it goes on at once. */
  async run(index, { limit = 60, wait = true } = {}) {
    await this.edit(index);
    await this.page.keyboard.press("Shift+Enter");
    if (!wait) return 0;
    await seconds(0.2);
    return this.idle(limit);
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
        return element.scrollTop > before + 4;
      });
      if (!more) return;
    }
  }
}
