import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { displaySymbol } from "../../src/kernel/display-symbol.js";
import { html, md } from "../../src/kernel/markup.js";
import { startFrontEnd } from "./widgets-front-end.js";

describe("a slider", () => {
  const make = () => {
    const front = startFrontEnd();
    const t = front.widgets.slider({ label: "temperature", min: 0.5, max: 10, step: 0.1, value: 2 });
    const heard: number[] = [];
    t.onChange((value) => heard.push(value));
    return { ...front, t, heard };
  };

  it("takes the user's value without sending it back", async () => {
    const { t, heard, sent, update } = make();
    const before = sent.length;
    await update(t, { value: 3.5 });
    await update(t, { value: 3.5 });
    expect(t.value).toBe(3.5);
    expect(heard).toEqual([3.5]);
    expect(sent).toHaveLength(before);
  });

  it("is moved by the code, which the handlers hear too, once", () => {
    const { t, heard, state } = make();
    t.value = 4;
    t.value = 4;
    expect(state(t).value).toBe(4);
    expect(heard).toEqual([4]);
  });

  it.each([99, 0.4, Number.NaN, Number.POSITIVE_INFINITY, "3", null, [3], {}, true])("refuses %j from the front end", async (value) => {
    const { t, heard, state, update, errors } = make();
    await update(t, { value });
    expect(t.value).toBe(2);
    expect(heard).toEqual([]);
    expect(state(t).value, "the front end is put right").toBe(2);
    expect(errors).toEqual([]);
  });

  it("takes an end that comes with rounding as the end", async () => {
    const { t, update } = make();
    await update(t, { value: 10.000000000000002 });
    expect(t.value).toBe(10);
  });

  it("ignores fields that are not the user's", async () => {
    const { t, update, tell, state } = make();
    await tell(t.id, { method: "update", state: { max: 1000, description: "x" } });
    await tell(t.id, { method: "request_state" });
    expect(state(t)).toMatchObject({ max: 10, description: "temperature" });
    await update(t, { value: 500 });
    expect(t.value).toBe(2);
  });

  it("tells the code of a wrong value", () => {
    const { t } = make();
    expect(() => {
      t.value = 11;
    }).toThrow('slider "temperature": expected a number from 0.5 to 10, got 11');
    expect(() => {
      t.value = "3" as never;
    }).toThrow(RangeError);
    expect(t.value).toBe(2);
  });

  it("stops calling a handler that was taken back, and survives one that throws", async () => {
    const { t, heard, update, errors } = make();
    const stop = t.onChange(() => heard.push(-1));
    t.onChange(() => {
      throw new Error("mine");
    });
    await update(t, { value: 3 });
    stop();
    t.value = 4;
    expect(heard).toEqual([3, -1, 4]);
    expect(errors.map(String)).toEqual(["Error: mine", "Error: mine"]);
  });

  it("shows itself, with a text for logs and for console.log", () => {
    const { t } = make();
    expect(t[displaySymbol]()).toEqual({
      "application/vnd.jupyter.widget-view+json": { version_major: 2, version_minor: 0, model_id: t.id },
      "text/plain": "temperature: 2",
    });
    expect(inspect({ t })).toBe("{ t: temperature: 2 }");
  });

  it("is gone after close, with its layout and style, and says nothing more", () => {
    const { t, models, sent } = make();
    t.close();
    expect(models.size).toBe(0);
    const before = sent.length;
    t.value = 5;
    expect(sent).toHaveLength(before);
  });

  it("of whole numbers takes only whole numbers; with a fine step it shows enough digits", async () => {
    const { widgets, update, state } = startFrontEnd();
    const rank = widgets.slider({ min: 1, max: 64, step: 1, value: 8 });
    await update(rank, { value: 8.5 });
    expect(rank.value).toBe(8);
    expect(state(widgets.slider({ min: 0, max: 1, step: 0.001 })).readout_format).toBe(".3f");
    expect(state(widgets.slider({ min: 0, max: 1, step: 0.25 })).readout_format).toBe(".2f");
    expect(state(widgets.slider({ min: 0.5, max: 10, step: 0.1, value: 2 })).readout_format).toBe(".1f");
    expect(state(widgets.slider({ min: 0.25, max: 10, step: 0.5 })).readout_format, "the positions are 0.25, 0.75, ...").toBe(".2f");
    expect(state(widgets.slider({ min: 0, max: 1, step: 1 / 3 })).readout_format).toBe(".2f");
  });

  it.each([
    [{ min: 1, max: 20, value: 3 }, 0.1, ".1f"],
    [{ min: 0.5, max: 10 }, 0.05, ".2f"],
    [{ min: 0, max: 1 }, 0.01, ".2f"],
    [{ min: 0, max: 0.3 }, 0.002, ".3f"],
    [{ min: -1, max: 1, value: 0.005 }, 0.005, ".3f"],
    [{ min: 0, max: 1000, value: 3 }, 1, "d"],
    [{ min: 0, max: 1000 }, 10, "d"],
    [{ min: 0.001, max: 10, value: 3 }, 0.001, ".3f"],
    [{ min: 0, max: 10, value: Math.PI }, 0.1, ".1f"],
    [{ min: 0, max: 1e-6 }, 1e-8, ".8f"],
  ])("%j has a step that people use, on which the value lies if that is possible", (options, step, format) => {
    const { widgets, state } = startFrontEnd();
    const { min, max, value = min } = options as { min: number; max: number; value?: number };
    expect(state(widgets.slider(options))).toMatchObject({ step, readout_format: format, value });
    expect(state(widgets.range({ min, max, value: [value, max] })).value).toEqual([value, max]);
  });

  it("keeps a value between two positions until the user moves it, though the front end says where it had to put it", async () => {
    const { widgets, update } = startFrontEnd();
    const t = widgets.slider({ min: 0, max: 1, step: 0.3, value: 0.5 });
    const heard: number[] = [];
    t.onChange((value) => heard.push(value));
    await update(t, { value: 0.6 });
    expect(t.value).toBe(0.5);
    await update(t, { value: 0.3 });
    await update(t, { value: 0.6 });
    expect(heard).toEqual([0.3, 0.6]);
    const ends = widgets.range({ min: 0, max: 1, step: 0.3, value: [0.1, 0.5] });
    await update(ends, { value: [0, 0.6] });
    expect(ends.value).toEqual([0.1, 0.5]);
    await update(ends, { value: [0, 0.9] });
    expect(ends.value).toEqual([0.1, 0.9]);
  });

  it("has room to drag, also beside a long label", () => {
    const { widgets, models, state } = startFrontEnd();
    const width = (widget: { id: string }): unknown => models.get(String(state(widget).layout).slice("IPY_MODEL_".length))!.width;
    expect(width(widgets.slider({ label: "temperature", min: 0, max: 1 }))).toBe("400px");
    expect(width(widgets.range({ min: 0, max: 1, width: "50%" }))).toBe("50%");
    expect(width(widgets.slider({ label: "a label of 24 characters", min: 0, max: 1 }))).toBe("calc(300px + 24ch)");
    expect(width(widgets.checkbox({ label: "x" }))).toBe(null);
  });

  it("with log speaks in values, and keeps exponents in the model", async () => {
    const { widgets, update, state } = startFrontEnd();
    const rate = widgets.slider({ min: 1e-5, max: 1e-1, log: true, value: 1e-3 });
    expect(state(rate)).toMatchObject({ base: 10, min: -5, max: -1, value: 1e-3 });
    await update(rate, { value: 0.02 });
    expect(rate.value).toBe(0.02);
    await update(rate, { value: 1 });
    expect(rate.value).toBe(0.02);
  });

  it.each([
    [{ min: 1, max: 1 }, /expected min below max/],
    [{ min: 0, max: 1, value: 2 }, /expected a number from 0 to 1, got 2/],
    [{ min: 0, max: 1, step: 0 }, /expected a step above 0/],
    [{ min: 0, max: 1, log: true }, /expected min above 0 with log/],
    [{ min: Number.NaN, max: 1 }, /expected min below max/],
  ])("cannot be made of %j", (options, message) => {
    const { widgets, sent } = startFrontEnd();
    expect(() => widgets.slider(options)).toThrow(message);
    expect(sent).toEqual([]);
  });
});

describe("a range", () => {
  it("takes ordered pairs within its ends only", async () => {
    const { widgets, update } = startFrontEnd();
    const between = widgets.range({ label: "between", min: 0, max: 1 });
    expect(between.value).toEqual([0, 1]);
    await update(between, { value: [0.2, 0.4] });
    for (const wrong of [[0.5, 0.4], [0.2], [0.2, 0.3, 0.4], "ab", null, [0.2, 2], [null, 1]]) await update(between, { value: wrong });
    expect(between.value).toEqual([0.2, 0.4]);
    expect(String(between)).toBe("between: 0.2000 to 0.4000");
  });
});

describe("dropdown and buttons", () => {
  it.each(["dropdown", "buttons"] as const)("%s: the user picks a position, the code a value", async (kind) => {
    const { widgets, update, state, errors } = startFrontEnd();
    const models = { base: { id: 1 }, tuned: { id: 2 } };
    const choice = widgets[kind]({ label: "model", options: models });
    const heard: unknown[] = [];
    choice.onChange((value) => heard.push(value));
    expect(choice.value).toBe(models.base);
    await update(choice, { index: 1 });
    expect(choice.value).toBe(models.tuned);
    for (const wrong of [2, -1, 0.5, null, "0", "length", [0]]) await update(choice, { index: wrong });
    expect(choice.value).toBe(models.tuned);
    expect(state(choice).index).toBe(1);
    choice.value = models.base;
    expect(state(choice).index).toBe(0);
    expect(heard).toEqual([models.tuned, models.base]);
    expect(String(choice)).toBe("model: base");
    expect(errors).toEqual([]);
  });

  it("say what is wrong with their options", () => {
    const { widgets } = startFrontEnd();
    expect(() => widgets.dropdown({ label: "model", options: [] })).toThrow('dropdown "model": expected at least one option, got none');
    expect(() => widgets.buttons({ options: ["a"], value: "b" as never })).toThrow("expected one of a, got b");
  });

  it("take undefined and null as values like any other", async () => {
    const { widgets, update } = startFrontEnd();
    const choice = widgets.dropdown({ options: [undefined, null], value: null });
    expect(choice.value).toBe(null);
    await update(choice, { index: 2 });
    expect(choice.value).toBe(null);
    await update(choice, { index: 0 });
    expect(choice.value).toBe(undefined);
  });

  it("are typed by their options", () => {
    const { widgets } = startFrontEnd();
    const model = widgets.dropdown({ options: ["base", "tuned"] });
    const exact: "base" | "tuned" = model.value;
    // @ts-expect-error: not one of the options.
    expect(() => (model.value = "other")).toThrow(RangeError);
    expect(exact).toBe("base");
  });
});

describe("checkbox, text and textarea", () => {
  it("take their own type only", async () => {
    const { widgets, update, errors } = startFrontEnd();
    const raw = widgets.checkbox({ label: "raw" });
    const name = widgets.text({ label: "name" });
    const reply = widgets.textarea();
    for (const wrong of [1, null, undefined, "true", {}]) await update(raw, { value: wrong });
    for (const wrong of [1, null, undefined, {}]) await update(name, { value: wrong });
    expect([raw.value, name.value]).toEqual([false, ""]);
    await update(raw, { value: true });
    await update(name, { value: "Ada" });
    await update(reply, { value: "a\nb" });
    expect([raw.value, name.value, reply.value]).toEqual([true, "Ada", "a\nb"]);
    expect([raw, name].map(String)).toEqual(["raw: yes", "name: Ada"]);
    expect(errors).toEqual([]);
  });

  it("text hears Enter", async () => {
    const { widgets, update, custom } = startFrontEnd();
    const name = widgets.text();
    const heard: string[] = [];
    name.onSubmit((value) => heard.push(value));
    await update(name, { value: "Ada" });
    await custom(name, { event: "submit" });
    await custom(name, { event: "other" });
    expect(heard).toEqual(["Ada"]);
  });
});

describe("a button", () => {
  it("calls its handlers for a press, not while disabled, and survives their errors", async () => {
    const { widgets, custom, errors, state } = startFrontEnd();
    let pressed = 0;
    const run = widgets.button({ label: "Run", onClick: () => ++pressed });
    run.onClick(async () => {
      throw new Error("mine");
    });
    await custom(run, { event: "click" });
    for (const other of [{}, null, "click", { event: "hover" }]) await custom(run, other);
    run.disabled = true;
    await custom(run, { event: "click" });
    expect(pressed).toBe(1);
    expect(errors.map(String)).toEqual(["Error: mine"]);
    run.label = "Again";
    expect(state(run)).toMatchObject({ description: "Again", disabled: true });
    expect(String(run)).toBe("[Again]");
  });
});

describe("labels", () => {
  const EVIL = `<img src=x onerror="alert('1')">`;

  it("are text for the front end in every control", () => {
    const { widgets, state } = startFrontEnd();
    const made = [
      widgets.slider({ label: EVIL, min: 0, max: 1 }),
      widgets.range({ label: EVIL, min: 0, max: 1 }),
      widgets.dropdown({ label: EVIL, options: [EVIL] }),
      widgets.buttons({ label: EVIL, options: [EVIL] }),
      widgets.checkbox({ label: EVIL }),
      widgets.text({ label: EVIL }),
      widgets.textarea({ label: EVIL }),
      widgets.progress({ label: EVIL, max: 1 }),
      widgets.label("x", { label: EVIL }),
    ];
    for (const one of made) {
      expect(state(one)).toMatchObject({ description: EVIL, description_allow_html: false });
      expect(Object.keys(one[displaySymbol]()).sort()).toEqual(["application/vnd.jupyter.widget-view+json", "text/plain"]);
    }
    expect(made).toHaveLength(9);
  });

  it("escape strings and Markdown, and let html pieces through", () => {
    const { widgets, state } = startFrontEnd();
    const label = widgets.label(EVIL);
    expect(state(label).value).toBe("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;");
    label.content = html`<b>${EVIL}</b>`;
    expect(state(label).value).toBe("<b>&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;</b>");
    label.content = md`${EVIL}`;
    expect(state(label).value).not.toContain("<");
  });
});

describe("progress and boxes", () => {
  it("progress stays between its ends", () => {
    const { widgets, state } = startFrontEnd();
    const bar = widgets.progress({ label: "steps", max: 10 });
    bar.value += 3;
    expect(state(bar).value).toBe(3);
    bar.value = 99;
    expect(String(bar)).toBe("steps: 10 of 10");
    expect(() => {
      bar.value = Number.NaN;
    }).toThrow(RangeError);
    expect(() => widgets.progress({ max: 0 })).toThrow(/expected max above 0/);
  });

  it("a box refers to its children, and takes widgets only", () => {
    const { widgets, state } = startFrontEnd();
    const [a, b] = [widgets.button({ label: "a" }), widgets.checkbox({ label: "b" })];
    const box = widgets.hbox(a, b);
    expect(state(box).children).toEqual([`IPY_MODEL_${a.id}`, `IPY_MODEL_${b.id}`]);
    box.children = [b];
    expect(state(box).children).toEqual([`IPY_MODEL_${b.id}`]);
    expect(String(box)).toBe("b: no");
    expect(() => widgets.vbox("x" as never)).toThrow("box: expected widgets, got a string");
  });
});
