import { describe, expect, test } from "vitest";
import type { ToSession } from "../../src/kernel/messages.js";
import { Interrupter } from "../../src/kernel/protocol/interrupter.js";

const timing = { acknowledgeMs: 20, patientMs: 60, againMs: 10 };
const wish = () => new Int32Array(2);

describe("the interrupter", () => {
  test("a main thread that answers is not terminated", async () => {
    const posted: ToSession[] = [];
    const interrupter: Interrupter = new Interrupter(
      (message) => {
        posted.push(message);
        setImmediate(() => interrupter.acknowledged((message as { id: number }).id));
      },
      () => Promise.reject(new Error("must not be called")),
      wish(),
      timing,
    );
    await interrupter.interrupt();
    await interrupter.interrupt();
    expect(posted.map(({ kind }) => kind)).toEqual(["interrupt", "interrupt"]);
  });

  test("a busy one is terminated until it answers, also to a question that was asked earlier", async () => {
    let terminations = 0;
    const waiting: number[] = [];
    const interrupter: Interrupter = new Interrupter(
      (message) => {
        waiting.push((message as { id: number }).id);
      },
      async () => {
        if (++terminations === 3) setImmediate(() => interrupter.acknowledged(waiting[0]!));
      },
      wish(),
      timing,
    );
    await interrupter.interrupt();
    expect(terminations).toBe(3);
  });

  test("it is settled only when no termination can hit the next code", async () => {
    const kinds: string[] = [];
    let hit = (): void => {};
    const interrupter: Interrupter = new Interrupter(
      (message) => {
        kinds.push(message.kind);
        const { id } = message as { id: number };
        if (message.kind === "interrupt")
          setTimeout(() => interrupter.acknowledged(id), 25); // just too late: the termination is on its way
        else if (kinds.filter((kind) => kind === "ping").length === 1)
          hit(); // the first ping is cut off
        else interrupter.acknowledged(id);
      },
      () =>
        new Promise((resolve) => {
          hit = resolve;
        }),
      wish(),
      timing,
    );
    void interrupter.interrupt();
    await interrupter.settled();
    expect(kinds.slice(0, 2)).toEqual(["interrupt", "interrupt"]);
    expect(kinds).toContain("ping");
  });

  test("two interrupts at once are one", async () => {
    let posted = 0;
    const interrupter: Interrupter = new Interrupter(
      (message) => {
        posted++;
        setImmediate(() => interrupter.acknowledged((message as { id: number }).id));
      },
      async () => {},
      wish(),
      timing,
    );
    await Promise.all([interrupter.interrupt(), interrupter.interrupt()]);
    expect(posted).toBe(1);
  });
});
