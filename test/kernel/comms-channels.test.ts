import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { createComms } from "../../src/kernel/comms.js";
import type { CommMessage } from "../../src/kernel/messages.js";

function start(capture?: () => <T>(work: () => T) => T, report?: () => void) {
  const sent: CommMessage[] = [];
  const errors: unknown[] = [];
  const told = (error: unknown): void => {
    errors.push(error);
    report?.();
  };
  const comms = createComms({ send: (message) => sent.push(message), report: told, ...(capture && { capture }) });
  return { comms, sent, errors };
}

const from = (type: CommMessage["type"], commId: string, more: Partial<CommMessage> = {}): CommMessage => ({
  type,
  commId,
  data: {},
  metadata: {},
  buffers: [],
  ...more,
});

describe("comms opened by the kernel", () => {
  it("send their opening, messages with buffers, and their end", () => {
    const { comms, sent } = start();
    const comm = comms.open("plot", { data: { a: 1 }, metadata: { version: "1" } });
    comm.send({ b: 2 }, { buffers: [new Uint8Array([1, 2])] });
    comm.close({ data: "bye" });
    comm.send("too late");
    comm.close();
    expect(comm.id).toMatch(/^[0-9a-f]{32}$/);
    expect(sent).toEqual([
      from("open", comm.id, { target: "plot", data: { a: 1 }, metadata: { version: "1" } }),
      from("message", comm.id, { data: { b: 2 }, buffers: [new Uint8Array([1, 2])] }),
      from("close", comm.id, { data: "bye" }),
    ]);
    expect(comm.closed).toBe(true);
    expect(comms.list().size).toBe(0);
  });

  it("hand messages with their buffers to every handler, and hear when the front end closes them", async () => {
    const { comms, sent } = start();
    const comm = comms.open("plot");
    const heard: unknown[] = [];
    comm.onMessage(({ data, buffers }) => heard.push(["first", data, buffers]));
    comm.onMessage(({ data }) => heard.push(["second", data]));
    comm.onClose(({ data }) => heard.push(["closed", data]));
    await comms.receive(from("message", comm.id, { data: 1, buffers: [new Uint8Array([7])] }));
    await comms.receive(from("close", comm.id, { data: 2 }));
    await comms.receive(from("message", comm.id, { data: 3 }));
    expect(heard).toEqual([
      ["first", 1, [new Uint8Array([7])]],
      ["second", 1],
      ["closed", 2],
    ]);
    expect(comm.closed).toBe(true);
    expect(sent).toHaveLength(1);
  });

  it("refuse an id that is open, and a target without a name", () => {
    const { comms } = start();
    comms.open("plot", { id: "x" });
    expect(() => comms.open("plot", { id: "x" })).toThrow(/expected one that is not open/);
    expect(() => comms.open("")).toThrow(TypeError);
  });
});

describe("comms opened by the front end", () => {
  it("reach the handler of their target, and both sides can talk", async () => {
    const { comms, sent } = start();
    comms.register("echo", (comm, opened) => {
      comm.send(opened.data);
      comm.onMessage(({ data }) => comm.send(data));
    });
    await comms.receive(from("open", "c1", { target: "echo", data: "hello" }));
    await comms.receive(from("message", "c1", { data: "again" }));
    expect(sent.map(({ type, data }) => [type, data])).toEqual([
      ["message", "hello"],
      ["message", "again"],
    ]);
    expect([...comms.list()]).toEqual([["c1", "echo"]]);
  });

  it("are closed at once where nobody knows the target, or no longer", async () => {
    const { comms, sent } = start();
    const takeBack = comms.register("echo", () => {});
    takeBack();
    await comms.receive(from("open", "c1", { target: "echo" }));
    await comms.receive(from("open", "c2", { target: "__proto__" }));
    await comms.receive(from("open", "c3"));
    expect(sent.map(({ type, commId }) => [type, commId])).toEqual([
      ["close", "c1"],
      ["close", "c2"],
      ["close", "c3"],
    ]);
  });

  it("are closed where the target's handler throws or rejects, and the error is reported", async () => {
    const { comms, sent, errors } = start();
    comms.register("throws", () => {
      throw new Error("now");
    });
    comms.register("rejects", async () => {
      throw new Error("later");
    });
    await comms.receive(from("open", "c1", { target: "throws" }));
    await comms.receive(from("open", "c2", { target: "rejects" }));
    expect(sent.map(({ type }) => type)).toEqual(["close", "close"]);
    expect(errors.map(String)).toEqual(["Error: now", "Error: later"]);
    expect(comms.list().size).toBe(0);
  });
});

describe("handlers", () => {
  it("that throw or reject are reported, and the others still run", async () => {
    const { comms, errors } = start();
    const comm = comms.open("plot");
    let heard = 0;
    comm.onMessage(() => {
      throw new Error("sync");
    });
    comm.onMessage(() => Promise.reject(new Error("async")));
    comm.onMessage(() => ++heard);
    await comms.receive(from("message", comm.id));
    expect(heard).toBe(1);
    expect(errors.map(String).sort()).toEqual(["Error: async", "Error: sync"]);
  });

  it("run before receive returns, and receive settles when they have", async () => {
    const { comms } = start();
    const comm = comms.open("plot");
    const order: string[] = [];
    comm.onMessage(async () => {
      order.push("start");
      await new Promise((resolve) => setTimeout(resolve, 10));
      order.push("end");
    });
    const received = comms.receive(from("message", comm.id));
    expect(order).toEqual(["start"]);
    await received;
    expect(order).toEqual(["start", "end"]);
  });

  it("run in the name of whoever registered them, also after an await, and so are their errors told", async () => {
    const cells = new AsyncLocalStorage<number>();
    const seen: unknown[] = [];
    const note = (): void => void seen.push(cells.getStore());
    const { comms } = start(() => {
      const cell = cells.getStore()!;
      return (work) => cells.run(cell, work);
    }, note);
    const comm = cells.run(1, () => comms.open("plot"));
    const handler = async (): Promise<void> => {
      note();
      await null;
      note();
      throw new Error("mine");
    };
    cells.run(2, () => comm.onMessage(handler));
    cells.run(3, () => comms.register("theirs", (opened) => opened.onMessage(note)));
    await cells.run(9, () => comms.receive(from("message", comm.id)));
    expect(seen.splice(0)).toEqual([2, 2, 2]);
    await cells.run(8, () => comms.receive(from("open", "c", { target: "theirs" })));
    await cells.run(8, () => comms.receive(from("message", "c")));
    expect(seen).toEqual([3]);
  });
});
