import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KernelDied, startKernel } from "../../src/kernel/client.js";
import { root } from "../../src/setup/paths.mjs";
import { childRunner, ended } from "../child.js";
import { temporaryFolder } from "../temporary-folder.js";
import { collect, fakeCommand, isAlive, startFake } from "./fake.js";

const node = (script: string) => ({ argv: [process.execPath, "-e", script, "{connection_file}"] });

describe("a kernel that dies", () => {
  it("fails what waits with its exit code and its last words, after what it had sent", async () => {
    const kernel = await startFake();
    const execution = kernel.execute(
      `await send("stream", { name: "stdout", text: "said" }); console.error("out of luck"); await sleep(100); process.exit(7)`,
    );
    const said: string[] = [];
    const failure = await (async () => {
      for await (const { content } of execution) said.push(String(content.text ?? ""));
    })().catch((error: Error) => error);
    expect(said).toContain("said");
    expect(failure).toBeInstanceOf(KernelDied);
    expect((failure as KernelDied).message).toContain("expected it to live during execute_request, it ended with exit code 7");
    expect((failure as KernelDied).message).toContain("out of luck");
    expect((failure as KernelDied).end).toEqual({ code: 7, signal: null });
    await expect(execution.reply).rejects.toThrow(KernelDied);
    await expect(kernel.complete("a")).rejects.toThrow(KernelDied);
    await kernel.shutdown();
  });

  it("names the signal that ended it", async () => {
    const kernel = await startFake();
    const waiting = collect(kernel.execute("await sleep(1e6)"));
    process.kill(kernel.pid, "SIGKILL");
    await expect(waiting).rejects.toThrow("it ended with SIGKILL");
    await kernel.shutdown();
  });

  it("fails its start", async () => {
    const start = startKernel(node(`console.error("no such module"); process.exit(3)`), { folder: root });
    await expect(start).rejects.toThrow(/it ended with exit code 3\. It wrote last:\nno such module/);
  });

  it("fails its start where there is no such program", async () => {
    await expect(startKernel({ argv: ["/no/such/program"] }, { folder: root })).rejects.toThrow(/could not be started: .*ENOENT/);
  });

  it("is tried again where another program took its port", async () => {
    const counter = join(temporaryFolder(), "count");
    const script = `require("fs").appendFileSync(${JSON.stringify(counter)}, "x"); console.error("bind: Address already in use"); process.exit(1)`;
    await expect(startKernel(node(script), { folder: root })).rejects.toThrow(KernelDied);
    expect(readFileSync(counter, "utf8")).toBe("xxx");
  });

  it("that never answers is given up and ended", async () => {
    const folder = temporaryFolder();
    const script = `require("fs").writeFileSync("pid", String(process.pid)); setInterval(() => {}, 1000)`;
    await expect(startKernel(node(script), { folder, startSeconds: 1 })).rejects.toThrow("kernel: expected it to be ready within 1 s");
    expect(isAlive(Number(readFileSync(join(folder, "pid"), "utf8")))).toBe(false);
  });
});

describe("shutdown", () => {
  it("lets the kernel end by itself", async () => {
    const kernel = await startFake();
    await kernel.shutdown();
    expect(await kernel.ended).toEqual({ code: 0, signal: null });
  });

  it("ends a kernel that cannot listen, with the processes it started", async () => {
    const folder = temporaryFolder();
    const kernel = await startFake({ folder });
    const script = `const child = process.getBuiltinModule("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      await send("stream", { name: "stdout", text: String(child.pid) }); for (;;);`;
    let child = 0;
    for await (const { content } of kernel.execute(script)) {
      if (typeof content.text !== "string") continue;
      child = Number(content.text);
      break;
    }
    expect(isAlive(child)).toBe(true);
    expect(await kernel.beats(0.3)).toBe(false);
    const began = performance.now();
    await kernel.shutdown({ graceSeconds: 0.3 });
    expect(performance.now() - began).toBeLessThan(2000);
    expect(await kernel.ended).toEqual({ code: null, signal: "SIGKILL" });
    await expect.poll(() => isAlive(child)).toBe(false);
  });

  it("fails what waits, and removes the connection file", async () => {
    const kernel = await startFake();
    const where: string[] = [];
    const code = `send("stream", { name: "stdout", text: process.argv[2] }); await sleep(1e6)`;
    const waiting = (async () => {
      for await (const { content } of kernel.execute(code)) if (content.text) where.push(String(content.text), String(kernel.shutdown()));
    })();
    await expect(waiting).rejects.toThrow("kernel: it was shut down");
    expect(where[0]).toMatch(/connection\.json$/);
    expect(existsSync(where[0]!)).toBe(false);
  });

  it("comes with the end of the client's process", async () => {
    const runner = await childRunner("kernel/client.ts");
    try {
      const child = runner.start(`
        import { startKernel } from "./src/kernel/client.js";
        const kernel = await startKernel(${JSON.stringify(fakeCommand)}, { folder: "." });
        console.log(kernel.pid);
        process.exit(0);`);
      const end = ended(child);
      let text = "";
      for await (const piece of child.stdout!) text += String(piece);
      expect((await end).code).toBe(0);
      await expect.poll(() => isAlive(Number(text))).toBe(false);
      expect(Number(text)).toBeGreaterThan(1);
    } finally {
      await runner.dispose();
    }
  });
});
