import { describe, expect, test } from "vitest";
import { Outbox } from "../../src/kernel/protocol/outbox.js";
import { Publisher } from "../../src/kernel/protocol/publisher.js";
import { decodeMessage, type Message, newHeader } from "../../src/kernel/wire.js";

/** A socket that takes its time and refuses a send during another, as zeromq does. */
function slowSocket() {
  const sent: Message[] = [];
  let busy = false;
  const send = async (frames: (Buffer | string)[]): Promise<void> => {
    if (busy) throw new Error("Socket is busy writing");
    busy = true;
    if (sent.length < 20) await new Promise((resolve) => setImmediate(resolve));
    sent.push(
      decodeMessage(
        frames.map((frame) => Buffer.from(frame as string)),
        "key",
      ),
    );
    busy = false;
  };
  const outbox = new Outbox({ send });
  return { sent, outbox, publisher: new Publisher(outbox, "session", "key") };
}

const parent = newHeader("execute_request", "client");

describe("the publisher", () => {
  test("100,000 lines in one turn arrive whole and in order before idle", async () => {
    const { sent, outbox, publisher } = slowSocket();
    for (let i = 0; i < 100_000; i++) publisher.stream(parent, "stdout", `${i}\n`);
    publisher.status(parent, "idle");
    await outbox.drained();
    expect(sent.at(-1)?.content).toEqual({ execution_state: "idle" });
    const text = sent
      .slice(0, -1)
      .map(({ content }) => content.text)
      .join("");
    expect(text).toBe(Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join(""));
    expect(sent.length).toBeLessThan(20); // 589 KB in pieces of 64 KB
  });

  test("a long text comes in several messages, never cut between the halves of a character", async () => {
    const { sent, outbox, publisher } = slowSocket();
    const text = `x${"😀".repeat(3_000_000)}`;
    publisher.stream(parent, "stdout", text);
    publisher.flush();
    await outbox.drained();
    expect(sent.length).toBe(6);
    expect(sent.map(({ content }) => content.text).join("") === text).toBe(true);
  });

  test("streams, displays and parents keep their order", async () => {
    const { sent, outbox, publisher } = slowSocket();
    const other = newHeader("execute_request", "client");
    publisher.stream(parent, "stdout", "a");
    publisher.stream(parent, "stdout", "b");
    publisher.stream(parent, "stderr", "c");
    publisher.display(parent, { "text/plain": "d" }, {}, "id", false);
    publisher.display(parent, { "text/plain": "e" }, {}, undefined, false);
    publisher.stream(other, "stderr", "f");
    publisher.flush();
    await outbox.drained();
    expect(sent.map(({ header, content }) => [header.msg_type, content.text ?? content.transient])).toEqual([
      ["stream", "ab"],
      ["stream", "c"],
      ["display_data", { display_id: "id" }],
      ["display_data", {}],
      ["stream", "f"],
    ]);
    expect(sent.at(-1)?.parent).toEqual(other);
  });

  test("text is sent within a moment although nothing follows it", async () => {
    const { sent, publisher } = slowSocket();
    publisher.stream(parent, "stdout", "alone");
    await expect.poll(() => sent.length, { interval: 5, timeout: 500 }).toBe(1);
  });

  test("a display that is no JSON is reported on stderr, and the next message is sent", async () => {
    const { sent, outbox, publisher } = slowSocket();
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    publisher.display(parent, { "application/json": cyclic }, {}, undefined, false);
    publisher.status(parent, "idle");
    await outbox.drained();
    expect(sent.map(({ header }) => header.msg_type)).toEqual(["stream", "status"]);
    expect(sent[0]?.content.text).toContain("display_data: expected content that can be written as JSON");
  });
});
