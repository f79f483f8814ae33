import { describe, expect, it } from "vitest";
import { displaySymbol } from "../../src/kernel/display-symbol.js";
import { startFrontEnd } from "./widgets-front-end.js";

type Gate<T> = { promise: Promise<T>; open(value: T): void; fail(error: unknown): void };

function gate<T>(): Gate<T> {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

describe("an output area", () => {
  it("shows one value at a time, through the widget's state", async () => {
    const { widgets, state, content, sent } = startFrontEnd();
    const area = widgets.output();
    const opened = sent.length;
    await area.show({ a: 1 });
    await area.show("second");
    expect(state(area).outputs).toEqual([{ output_type: "display_data", data: { "text/plain": "second" }, metadata: {} }]);
    await area.show([{ a: "<b>" }]);
    expect(JSON.stringify(state(area).outputs)).toContain("&lt;b&gt;");
    area.clear();
    expect(content(area)).toEqual([]);
    await area.show(undefined);
    expect(content(area)).toEqual([]);
    expect(sent.slice(opened).every(({ type, data }) => type === "message" && (data as { method: string }).method === "update")).toBe(true);
  });

  it("shows the text of a value whose display throws, and of an error what a cell shows", async () => {
    const { widgets, content, state } = startFrontEnd();
    const area = widgets.output();
    await area.show({
      [displaySymbol]() {
        throw new Error("mine");
      },
    });
    expect(content(area)[0]).toContain("Error: mine");
    area.error(new RangeError("too far"));
    expect(content(area)).toEqual(["RangeError: too far"]);
    expect((state(area).outputs as { traceback: string[] }[])[0]!.traceback[0]).toBe("RangeError: too far");
    area.error("just text");
    expect(String(content(area)[0])).toContain("just text");
  });

  it("does not let a slow earlier value replace a later one", async () => {
    const { widgets, content } = startFrontEnd();
    const area = widgets.output();
    const slow = gate<object>();
    const shown = area.show({ [displaySymbol]: () => slow.promise });
    await area.show("later");
    slow.open({ "text/plain": "earlier" });
    await shown;
    expect(content(area)).toEqual(["later"]);
  });

  it("keeps its content whatever the front end says", async () => {
    const { widgets, tell, state } = startFrontEnd();
    const area = widgets.output();
    await area.show("mine");
    await tell(area.id, { method: "update", state: { outputs: [], msg_id: "x" } });
    await tell(area.id, { method: "request_state" });
    expect(state(area)).toMatchObject({ msg_id: "", outputs: [{ data: { "text/plain": "mine" } }] });
  });
});

describe("interact", () => {
  const make = (draw: (values: { T: number }) => unknown) => {
    const front = startFrontEnd();
    const T = front.widgets.slider({ label: "T", min: 0, max: 100, step: 1, value: 1 });
    const made = front.widgets.interact({ T }, draw);
    front.display(made);
    /** The drawing, which stands below the inputs. */
    const drawing = (): unknown => front.cell()[1];
    return { ...front, T, made, drawing };
  };

  it("is two outputs: the inputs as a widget, and the drawing, which the file keeps; each place that shows it follows", async () => {
    const { T, made, cell, views, publish, state, update } = make(({ T }) => `T is ${T}`);
    expect(cell()).toEqual(["T: 1\nT is 1", "T is 1"]);
    expect(views()).toMatchObject([{ model_id: made.id }]);
    expect(state(made).children).toEqual([`IPY_MODEL_${T.id}`]);
    publish(made[displaySymbol]());
    expect(cell()).toEqual(["T: 1\nT is 1", "T is 1", "T: 1\nT is 1", "T is 1"]);
    await update(T, { value: 2 });
    await made.drawn();
    expect(cell()).toEqual(["T: 1\nT is 1", "T is 2", "T: 1\nT is 1", "T is 2"]);
  });

  it("keeps the cell until the first drawing is there, however long that takes, and draws while nobody shows it", async () => {
    const first = gate<string>();
    const { T, made, cell, settled, widgets, display } = make(({ T }) => (T === 1 ? first.promise : `T is ${T}`));
    expect(cell()).toEqual(["T: 1"]);
    const done = settled().then(() => cell());
    first.open("first");
    expect(await done).toEqual(["T: 1", "first"]);
    T.value = 2;
    await made.drawn();
    expect(cell()).toEqual(["T: 1", "T is 2"]);
    const hidden = widgets.interact({ T }, async ({ T }) => T);
    T.value = 3;
    await hidden.drawn();
    display(hidden);
    expect(cell()).toEqual(["T: 1", "T is 3", "T: 3\n3", "3"]);
  });

  it("keeps its place where there is nothing to show", async () => {
    const { T, made, drawing } = make(({ T }) => (T === 1 ? undefined : T));
    expect(drawing()).toBe("");
    T.value = 2;
    await made.drawn();
    expect(drawing()).toBe("2");
  });

  it("in a box is one widget, with an area for the drawing", async () => {
    const { T, made, widgets, state, content, models } = make(({ T }) => `T is ${T}`);
    const box = widgets.hbox(made);
    const whole = String((state(box).children as string[])[0]).slice("IPY_MODEL_".length);
    const [input, area] = (models.get(whole)!.children as string[]).map((child) => ({ id: child.slice("IPY_MODEL_".length) }));
    expect(input).toEqual({ id: T.id });
    expect(content(area!)).toEqual(["T is 1"]);
    T.value = 2;
    await made.drawn();
    expect(content(area!)).toEqual(["T is 2"]);
  });

  it("draws at once, and again when the user or the code changes an input", async () => {
    const { T, made, drawing, update } = make(({ T }) => `T is ${T}`);
    expect(drawing()).toBe("T is 1");
    await update(T, { value: 2 });
    await made.drawn();
    expect(drawing()).toBe("T is 2");
    T.value = 3;
    await made.drawn();
    expect(drawing()).toBe("T is 3");
    expect(String(made)).toBe("T: 3\nT is 3");
  });

  it("draws the newest value after a drawing that still runs, and none in between", async () => {
    const drawn: number[] = [];
    const gates: Gate<string>[] = [];
    const { T, made, drawing, update, settled } = make(({ T }) => {
      drawn.push(T);
      gates.push(gate());
      return gates.at(-1)!.promise;
    });
    for (let value = 2; value <= 50; value++) await update(T, { value });
    expect(drawn).toEqual([1]);
    gates[0]!.open("first");
    await expect.poll(() => drawn).toEqual([1, 50]);
    await settled();
    expect(drawing()).toBe("first");
    T.value = 60;
    gates[1]!.open("second");
    await expect.poll(() => drawn).toEqual([1, 50, 60]);
    gates[2]!.open("third");
    await made.drawn();
    expect(drawing()).toBe("third");
    expect(drawn).toEqual([1, 50, 60]);
  });

  it("shows errors as the drawing, sync or not, and goes on", async () => {
    const { T, made, drawing, errors } = make(({ T }) => {
      if (T === 1) throw new TypeError("sync");
      return T === 2 ? Promise.reject(new RangeError("async")) : "fine";
    });
    expect(drawing()).toMatch(/^TypeError: sync\n +at /);
    T.value = 2;
    await made.drawn();
    expect(drawing()).toMatch(/^RangeError: async/);
    T.value = 3;
    await made.drawn();
    expect(drawing()).toBe("fine");
    expect(errors).toEqual([]);
  });

  it("survives a callback that moves its own input", async () => {
    const drawn: number[] = [];
    const { made, drawing } = make(({ T: value }) => {
      drawn.push(value);
      if (drawn.length === 1) queueMicrotask(() => (T.value = 5));
      return value;
    });
    const T = made.children[0] as unknown as { value: number };
    await made.drawn();
    await made.redraw();
    expect(drawing()).toBe("5");
    const front = startFrontEnd();
    const input = front.widgets.slider({ min: 0, max: 10, step: 1, value: 1 });
    const second = front.widgets.interact({ input }, ({ input: value }) => {
      if (value < 5) input.value = value + 1;
      return value;
    });
    front.display(second);
    await second.drawn();
    expect(front.cell()).toEqual(["5\n5", "5"]);
  });

  it("misses no change that comes just as a drawing ends", async () => {
    const { T, made, drawing, settled } = make(async ({ T }) => T);
    await settled();
    for (let ticks = 0; ticks < 12; ticks++) {
      T.value = 10 + ticks;
      for (let tick = 0; tick < ticks; tick++) await null;
      T.value = 50 + ticks;
      await made.drawn();
      expect(drawing()).toBe(String(50 + ticks));
    }
  });

  it("goes on after an interrupt, also where the callback never settles", async () => {
    const target = globalThis as { [key: symbol]: unknown };
    const controller = new AbortController();
    target[Symbol.for("Jupyter.signal")] = controller.signal;
    try {
      const { T, made, drawing, settled } = make(({ T }) => (T === 1 ? new Promise(() => {}) : "fine"));
      controller.abort();
      await settled();
      expect(drawing()).toMatch(/^Error: Interrupted/);
      target[Symbol.for("Jupyter.signal")] = undefined;
      T.value = 2;
      await made.drawn();
      expect(drawing()).toBe("fine");
    } finally {
      delete target[Symbol.for("Jupyter.signal")];
    }
  });

  it("stops with close, and takes inputs only", async () => {
    let drawn = 0;
    const { T, made, widgets, models } = make(() => ++drawn);
    made.close();
    T.value = 9;
    await made.drawn();
    expect(drawn).toBe(1);
    expect(models.size, "the input, its layout and style stay").toBe(3);
    expect(() => widgets.interact({ T: 3 as never }, () => 0)).toThrow('interact input "T": expected a widget with a value, got a number');
  });
});
