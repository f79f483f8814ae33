import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openData, world } from "../../src/data/world.js";
import { reply } from "../../src/generate/reply.js";
import { disposeModel } from "../../src/models/create.js";
import { loadModel } from "../../src/models/load.js";
import type { CausalLM } from "../../src/models/model.js";
import { sftLoss } from "../../src/train/sft.js";

describe("the embedded base model", () => {
  let model: CausalLM;
  beforeAll(async () => {
    model = await loadModel(world("model"));
  });
  afterAll(() => disposeModel(model));

  it("takes at most 12 MB", () => {
    const bytes = readdirSync(world("model")).reduce((sum, file) => sum + statSync(join(world("model"), file)).size, 0);
    expect(bytes).toBeLessThan(12e6);
    expect(bytes).toBeGreaterThan(8e6);
  });

  it("has learnt English: its loss on the embedded talks is far below that of guessing", async () => {
    const { esconv } = await openData();
    const texts = esconv
      .filter(({ split }) => split === "validation")
      .map(({ messages }) => messages.map(({ content }) => content).join("\n"));
    const length = 256;
    const rows = texts.map((text) => {
      const ids = model.tokenizer!.encode(text).slice(0, length);
      return { ids, targets: ids.map(() => 1), segments: ids.map(() => 1), positions: [...ids.keys()] };
    });
    const full = rows.filter(({ ids }) => ids.length === length);
    expect(full.length).toBeGreaterThan(8);
    const loss = await sftLoss(model, full, 4);
    // ln(4608) = 8.4 nats a token for guessing; unigram frequencies alone give about 6.
    expect(loss).toBeLessThan(5.5);
  });

  it("answers in words, the same every time", async () => {
    const ask = () => reply(model, [{ role: "user", content: "I lost my job today." }], { maxNewTokens: 24 });
    const { text } = await ask();
    expect(text).toMatch(/[a-z]{2,} [a-z]{1,}/i);
    expect((await ask()).text).toBe(text);
  });
});
