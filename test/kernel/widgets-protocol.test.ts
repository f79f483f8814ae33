import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { displaySymbol } from "../../src/kernel/display-symbol.js";
import { html } from "../../src/kernel/markup.js";
import type { Widget } from "../../src/kernel/widgets/widget.js";
import { startFrontEnd } from "./widgets-front-end.js";

type State = { [name: string]: unknown };
type Reference = {
  versions: { ipywidgets: string; protocol: string };
  layout: { target: string; metadata: State; data: { state: State; buffer_paths: unknown[] } };
  exchange: { update: unknown; request_state: { method: string; buffer_paths: unknown[]; state: string[] } };
  widgets: { [name: string]: { parts: State[]; own: { target: string; metadata: State; data: { state: State } }; view: State } };
};

const reference: Reference = JSON.parse(readFileSync(new URL("../reference/widgets.json", import.meta.url), "utf8"));

/** Made with the settings of test/reference/widgets.py. */
const MAKERS: { [name: string]: (widgets: ReturnType<typeof startFrontEnd>["widgets"]) => Widget } = {
  slider: (w) => w.slider({ label: "temperature", min: 0.5, max: 10, step: 0.1, value: 2 }),
  "slider, whole numbers": (w) => w.slider({ label: "rank", min: 1, max: 64, step: 1, value: 8 }),
  "slider, logarithmic": (w) => w.slider({ label: "rate", min: 1e-5, max: 1e-1, log: true, value: 1e-3 }),
  range: (w) => w.range({ label: "between", min: 0, max: 1, step: 0.1, value: [0.25, 0.75] }),
  "range, whole numbers": (w) => w.range({ label: "between", min: 0, max: 10, step: 1, value: [2, 5] }),
  dropdown: (w) => w.dropdown({ label: "model", options: ["a", "b"], value: "b" }),
  buttons: (w) => w.buttons({ label: "model", options: ["a", "b"], value: "b" }),
  checkbox: (w) => w.checkbox({ label: "raw", value: true }),
  button: (w) => w.button({ label: "Run" }),
  text: (w) => w.text({ label: "name", value: "x", placeholder: "y" }),
  textarea: (w) => w.textarea({ label: "name", value: "x", placeholder: "y", rows: 4 }),
  html: (w) => w.label(html`<b>x</b>`),
  progress: (w) => w.progress({ label: "steps", max: 10, value: 3 }),
  output: (w) => w.output(),
  hbox: (w) => w.hbox(),
  vbox: (w) => w.vbox(),
};

describe(`what our widgets send, against ipywidgets ${reference.versions.ipywidgets}`, () => {
  it("covers every stored widget", () => {
    expect(Object.keys(reference.widgets).sort()).toEqual(Object.keys(MAKERS).sort());
    expect(Object.keys(MAKERS)).toHaveLength(16);
    expect(reference.versions.protocol).toBe("2.1.0");
  });

  it.each(Object.keys(MAKERS))("%s: the same models, fields and values", (name) => {
    const { widgets, sent } = startFrontEnd();
    const widget = MAKERS[name]!(widgets);
    const stored = reference.widgets[name]!;
    const opened = sent.filter(({ type }) => type === "open").slice(-stored.parts.length - 2);
    const states = new Map(opened.map(({ commId, data }) => [commId, (data as { state: State }).state]));
    const named = (state: State): State =>
      Object.fromEntries(
        Object.entries(state).map(([key, value]) => {
          const id = typeof value === "string" && value.startsWith("IPY_MODEL_") ? value.slice(10) : "";
          return [key, id ? `IPY_MODEL_<${states.get(id)!._model_name}>` : value];
        }),
      );
    const [layout, ...rest] = [...states.values()];
    const own = rest.pop()!;
    const slides = /^(slider|range)/.test(name);
    expect(layout).toEqual({ ...reference.layout.data.state, ...(slides && { width: "400px" }) });
    const parts = stored.parts.map((part) => ("description_width" in part ? { ...part, description_width: "initial" } : part));
    expect(rest).toEqual(parts);
    const format = ["slider", "range"].includes(name) && { readout_format: ".1f" }; // as many digits as the step has
    expect(named(own)).toEqual({ ...stored.own.data.state, ...format });
    for (const { target, metadata, data } of opened) {
      expect(target).toBe(stored.own.target);
      expect(metadata).toEqual(stored.own.metadata);
      expect((data as { buffer_paths: unknown }).buffer_paths).toEqual([]);
    }
    expect(widget[displaySymbol]()["application/vnd.jupyter.widget-view+json"]).toEqual({ ...stored.view, model_id: widget.id });
  });

  it("updates and answers to request_state have the same form", async () => {
    const { widgets, sent, tell } = startFrontEnd();
    const t = widgets.slider({ label: "temperature", min: 0.5, max: 10, step: 0.1, value: 2 });
    t.value = 3;
    expect(sent.at(-1)!.data).toEqual(reference.exchange.update);
    await tell(t.id, { method: "request_state" });
    const { state, ...more } = sent.at(-1)!.data as { state: State };
    expect({ ...more, state: Object.keys(state).sort() }).toEqual(reference.exchange.request_state);
    expect(state.value).toBe(3);
  });
});

describe("the control target", () => {
  const open = (metadata: State) => ({
    type: "open" as const,
    commId: "k",
    target: "jupyter.widget.control",
    data: {},
    metadata,
    buffers: [],
  });

  it("answers request_states with every open model", async () => {
    const { widgets, comms, sent, tell } = startFrontEnd();
    const kept = widgets.slider({ min: 0, max: 1, value: 0.5 });
    widgets.output().close();
    kept.value = 0.25;
    await comms.receive(open({ version: "1.0.0" }));
    await tell("k", { method: "request_states" });
    const { method, states, buffer_paths } = sent.at(-1)!.data as {
      method: string;
      states: { [id: string]: State };
      buffer_paths: unknown;
    };
    expect({ method, buffer_paths }).toEqual({ method: "update_states", buffer_paths: [] });
    expect(Object.keys(states)).toHaveLength(3);
    expect(states[kept.id]).toMatchObject({
      model_name: "FloatSliderModel",
      model_module: "@jupyter-widgets/controls",
      model_module_version: "2.0.0",
      state: { value: 0.25 },
    });
  });

  it("is closed for another major version", async () => {
    const { comms, sent, errors } = startFrontEnd();
    await comms.receive(open({ version: "2.0.0" }));
    expect(sent.at(-1)).toMatchObject({ type: "close", commId: "k" });
    expect(String(errors[0])).toContain("expected 1.0.0, got 2.0.0");
  });

  it("ignores what is no message of the protocol", async () => {
    const { comms, widgets, tell, errors, sent } = startFrontEnd();
    const t = widgets.slider({ min: 0, max: 1 });
    await comms.receive(open({}));
    const before = sent.length;
    for (const data of [
      null,
      1,
      "x",
      [],
      {},
      { method: "update" },
      { method: "update", state: null },
      { method: "other" },
      { method: {} },
    ]) {
      await tell(t.id, data);
      await tell("k", data);
    }
    expect(sent).toHaveLength(before);
    expect(errors).toEqual([]);
  });
});
