/** The kernel with this library in its cells: what neither can show alone. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KernelClient } from "../../src/kernel/client.js";
import { runCell, startEqlab } from "./kernel-driver.js";

let kernel: KernelClient;
beforeAll(async () => {
  kernel = await startEqlab(["--preload", "eq=eqlab", "--preload", "tf=eqlab#tf", "--preload", "progress=eqlab#progress"]);
  await kernel.complete("Math.", 5);
  await runCell(kernel, "1 + 1"); // TypeScript is warm
});
afterAll(() => kernel?.shutdown());

const value = async (code: string): Promise<string | undefined> => {
  const { reply, value } = await runCell(kernel, code);
  expect(reply).toMatchObject({ status: "ok" });
  return value;
};

test("eq, tf and progress are there, typed, without an import; frames, tensors and bars show as such", async () => {
  const typed = await runCell(kernel, 'const steps: string = eq.runSettings().number("NOT_SET", 4);\nsteps');
  expect(typed.value).toBe("4");
  expect(typed.stderr).toContain("Type 'number' is not assignable to type 'string'");
  expect(await value("await eq.startEngine();\ntf.tensor2d([[1, 2], [3, 4]])")).toMatch(/float32 \[2, 2\]/);
  const frame = await runCell(kernel, "eq.frame([{ source: 'a', count: 3 }])");
  const shown = frame.messages.find(({ header }) => header.msg_type === "execute_result")!.content.data as { "text/html": string };
  expect(shown["text/html"]).toContain("<table");
  const bar = await runCell(kernel, "const bar = progress(2, 'work');\nbar.update(1);\nbar.done();");
  expect(bar.messages.map(({ header }) => header.msg_type)).toContain("update_display_data");
});

test("a training step is interrupted within a second: the model stays, nothing leaks, training goes on", async () => {
  await value(`const model = await eq.loadModel(eq.world("model"));
const policy = eq.addLora(model, { rank: 4, alpha: 8, targets: "all-linear", seed: 0 });
const length = 256;
const rows = Array.from({ length: 8 }, (_, row) => ({
  ids: Int32Array.from({ length }, (_, i) => (row * 31 + i * 7) % 4000),
  targets: new Uint8Array(length).fill(1),
  segments: new Int32Array(length).fill(1),
  positions: Int32Array.from({ length }, (_, i) => i),
}));
let steps = 0;
async function train(count: number) {
  for await (const event of eq.trainSft(policy, rows, { steps: count, batch: 4, learningRate: 1e-3 })) {
    if (event.kind === "step") console.log(steps = event.step);
  }
}
await train(1);
const before = tf.memory().numTensors;`);
  for (let round = 0; round < 3; round++) {
    const execution = kernel.execute("await train(10_000)");
    let asked = 0;
    for await (const { header } of execution) {
      if (header.msg_type !== "stream" || asked) continue;
      await sleep(130 * round); // at different places of a step
      asked = performance.now();
      await kernel.interrupt();
    }
    expect((await execution.reply).content).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
    expect(performance.now() - asked).toBeLessThan(5000); // within a second on a machine that is not busy
  }
  await value("await new Promise((resolve) => setTimeout(resolve, 1500));");
  expect(await value("tf.memory().numTensors - before")).toBe("0");
  expect(await value("await train(2); steps")).toBe("2");
  expect(await value("[...policy.adapter!.modules.values()].length > 0")).toBe("true");
});
