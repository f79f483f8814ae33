import { afterEach, describe, expect, it } from "vitest";
import type { KernelClient } from "../../src/kernel/client.js";
import { collect, fakeCommand, startFake } from "./fake.js";

let kernel: KernelClient | undefined;
afterEach(async () => {
  await kernel?.shutdown();
  kernel = undefined;
});

describe("client", () => {
  it("is ready when the kernel answers, and knows its language", async () => {
    kernel = await startFake();
    expect(kernel.info.language_info).toMatchObject({ name: "typescript" });
    expect(await kernel.beats()).toBe(true);
  });

  it("waits for a kernel that listens late, and hears its first cell whole", async () => {
    kernel = await startFake({}, { ...fakeCommand, argv: [...fakeCommand.argv, "1500"] });
    const said = await collect(kernel.execute(`send("stream", { name: "stdout", text: "first" })`));
    expect(said).toEqual(["status busy", "execute_input", "stream first", "status idle"]);
  });

  it("hears 20,000 messages of one turn in order", async () => {
    kernel = await startFake();
    const said = await collect(kernel.execute(`for (let i = 0; i < 20000; i++) send("stream", { name: "stdout", text: String(i) })`));
    expect(said.filter((line) => line.startsWith("stream"))).toEqual(Array.from({ length: 20000 }, (_, i) => `stream ${i}`));
  });

  it("waits for output that comes after the reply", async () => {
    kernel = await startFake();
    const code = `reply({ status: "ok" }); await sleep(300); send("stream", { name: "stdout", text: "late" }); idle(); return "silent"`;
    expect(await collect(kernel.execute(code))).toContain("stream late");
  });

  it("waits for the reply that comes after idle", async () => {
    kernel = await startFake();
    const execution = kernel.execute(`idle(); await sleep(300); reply({ status: "ok", late: true }); return "silent"`);
    await collect(execution);
    expect((await execution.reply).content.late).toBe(true);
  });

  it("gives up on an idle that never comes only where it was told to", async () => {
    kernel = await startFake();
    const execution = kernel.execute(`reply({ status: "ok" }); return "silent"`, { silenceSeconds: 0.3 });
    await collect(execution);
    expect(execution.idle).toBe(false);
  });

  it("tells listeners what a cell sends after its end", async () => {
    kernel = await startFake();
    const late = new Promise<string>((resolve) => {
      kernel!.onMessage(({ content, parent }) => {
        if (content.text === "later") resolve(parent.msg_id ?? "");
      });
    });
    const execution = kernel.execute(`setTimeout(() => send("stream", { name: "stdout", text: "later" }), 200)`);
    expect(await collect(execution)).not.toContain("stream later");
    expect(await late).toBe(execution.id);
  });

  it("drops messages with a wrong signature or shape, says so and goes on", async () => {
    const heard: string[] = [];
    kernel = await startFake({ onText: (text) => heard.push(text) });
    const code = `raw(["<IDS|MSG>", "00", "{}", "{}", "{}", "{}"]); raw(["nonsense"]); send("stream", { name: "stdout", text: "good" })`;
    expect(await collect(kernel.execute(code))).toContain("stream good");
    expect(heard.filter((text) => text.startsWith("dropped a message"))).toHaveLength(2);
  });

  it("answers the kernel's questions", async () => {
    const asked: unknown[] = [];
    kernel = await startFake({
      onInput: (question) => {
        asked.push(question);
        return "Ada";
      },
    });
    const said = await collect(kernel.execute(`send("stream", { name: "stdout", text: await ask("name? ", true) })`));
    expect(said).toContain("stream Ada");
    expect(asked).toEqual([{ prompt: "name? ", password: true }]);
  });

  it("tells the kernel whether it can be asked", async () => {
    kernel = await startFake();
    const said = await collect(kernel.execute(`send("stream", { name: "stdout", text: String(request.content.allow_stdin) })`));
    expect(said).toContain("stream false");
  });

  for (const mode of ["message", "signal"] as const) {
    it(`interrupts by ${mode}`, async () => {
      kernel = await startFake({}, { ...fakeCommand, interruptMode: mode });
      const execution = kernel.execute(`send("stream", { name: "stdout", text: await interrupted })`);
      const interrupting = new Promise((resolve) => setTimeout(resolve, 200)).then(() => kernel!.interrupt());
      expect(await collect(execution)).toContain(`stream ${mode}`);
      await interrupting;
    });
  }

  it("counts code points in positions", async () => {
    kernel = await startFake();
    expect(await kernel.complete("a😀b")).toMatchObject({ matches: ["a😀b!"], cursor_end: 3 });
  });

  it("takes any answer to a request, and waits as long as it was told", async () => {
    kernel = await startFake();
    expect(await kernel.comms()).toEqual({ abc: { target_name: "jupyter.widget" } });
    await expect(kernel.request("comm_msg", { comm_id: "abc" }, { timeoutSeconds: 0.2 })).rejects.toThrow(
      "kernel: expected an answer to comm_msg within 0.2 s, got none",
    );
  });
});
