import { afterEach, describe, expect, it } from "vitest";
import { progress } from "../../src/cells/progress.js";
import { listen, silence } from "./kernel.js";

afterEach(silence);

/** A clock that is moved by hand, in milliseconds. */
function clock() {
  let time = 0;
  return { now: () => time, wait: (milliseconds: number) => (time += milliseconds) };
}

describe("progress in a notebook", () => {
  it("redraws one bar at most ten times a second and always shows the end", () => {
    const messages = listen();
    const { now, wait } = clock();
    const bar = progress(1000, "sft", { now, batch: false });
    for (let step = 1; step <= 1000; step++) {
      wait(10);
      bar.update(step, `loss ${(3 - step / 1000).toFixed(2)}`);
    }
    bar.done();
    expect(messages).toHaveLength(1 + 100 + 1);
    expect(new Set(messages.map(({ options }) => options.displayId)).size).toBe(1);
    expect(messages.map(({ options }) => options.update)).toEqual([false, ...Array(101).fill(true)]);
    expect(messages[50]!.bundle["text/plain"]).toBe("sft 500/1000 · 50 % · loss 2.50 · 5 s · 5 s left");
    expect(messages.at(-1)!.bundle["text/plain"]).toBe("sft 1000/1000 · 100 % · loss 2.00 · 10 s");
  });

  it("escapes what it is told", () => {
    const messages = listen();
    progress(2, "<i>", { batch: false }).done("a < b");
    expect(messages.at(-1)!.bundle["text/html"]).toContain("&lt;i&gt; 2/2 · 100 % · a &lt; b");
  });

  it("ends where it was broken off, and says nothing after", () => {
    const messages = listen();
    const bar = progress(10, "sft", { now: clock().now, batch: false });
    bar.update(4);
    bar.done("stopped early");
    bar.update(9);
    expect(messages.at(-1)!.bundle["text/plain"]).toBe("sft 4/10 · 40 % · stopped early · 0 s");
  });
});

describe("progress in a batch run", () => {
  it("writes one line at most every five seconds", () => {
    const messages = listen();
    const lines: string[] = [];
    const { now, wait } = clock();
    const bar = progress(4000, "dpo", { now, batch: true, write: (line) => lines.push(line) });
    for (let step = 1; step <= 130; step++) {
      wait(1000);
      bar.update(step);
    }
    expect(lines).toHaveLength(26);
    expect(lines[0]).toBe("dpo 5/4000 · 0 % · 5 s · 1:06:35 left");
    bar.done();
    expect(lines.at(-1)).toBe("dpo 130/4000 · 3 % · 2:10");
    expect(messages).toEqual([]);
  });

  it("is chosen where no kernel listens, also without a known total", () => {
    const lines: string[] = [];
    const { now, wait } = clock();
    const bar = progress(null, "texts", { now, write: (line) => lines.push(line) });
    wait(6000);
    bar.note("base: 3 of 24");
    bar.done();
    expect(lines).toEqual(["texts 0 · base: 3 of 24 · 6 s", "texts 0 · base: 3 of 24 · 6 s"]);
  });
});
