import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readPt, writePt } from "../../src/files/pt.js";
import { classifyTexts } from "../../src/models/classify.js";
import { disposeModel } from "../../src/models/create.js";
import { type HeadCard, loadHead, modelOfCard, saveHead, type TrainedHead } from "../../src/models/head-files.js";
import { disposeAdapter } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { disposeHead, type HeadKind, headOf, headProbabilities, headShapes } from "../../src/nn/classification-head.js";
import { tinyModel } from "../eval/tiny-heads.js";
import { checkWithOracle, oracle } from "../files/oracle.js";
import { distance, formulaLora, formulaModel, formulaValues, leaked } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

let model: CausalLM;
beforeAll(async () => {
  model = await tinyModel();
});
afterAll(() => disposeModel(model));

async function headFor(
  model: CausalLM,
  kind: HeadKind,
  pooling: HeadCard["pooling"]["pooling"] = "mean",
  inner = 12,
): Promise<TrainedHead> {
  const labels = ["joy", "grief", "fear"];
  const shape = { kind, hidden: model.config.hidden, inner, classes: labels.length };
  const head = headOf(shape, new Map([...headShapes(shape)].map(([name, dims]) => [name, formulaValues(name, dims)])), 0.1);
  const card: HeadCard = {
    ...{ format: 1, task: "test", kind, labels, hidden: shape.hidden, inner, dropout: 0.1, ...(await modelOfCard(model)) },
    thresholds: kind === "multi-label" ? [0.25, 0.5, 1 / 3] : null,
    pooling: { pooling, maxTokens: 32, cut: "right" },
    data: { sources: [], revision: null, checksum: "", counts: {}, note: "" },
    ...{ training: {}, metrics: {}, createdBy: "a test" },
  };
  return { head, pooling: card.pooling, card };
}

async function saved(kind: HeadKind = "multi-label", of = model): Promise<string> {
  const path = join(temporaryFolder(), "head.pt");
  const trained = await headFor(of, kind);
  await saveHead(trained, path);
  disposeHead(trained.head);
  return path;
}

function changeCard(path: string, change: Record<string, unknown>): void {
  const file = path.replace(".pt", ".json");
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), ...change }));
}

it("gives back what was saved, to the bit", async () => {
  const path = join(temporaryFolder(), "head.pt");
  const trained = await headFor(model, "multi-label");
  await saveHead(trained, path);
  const again = await loadHead(path, model);
  expect(again.card).toMatchObject(trained.card);
  expect(again.pooling).toEqual(trained.pooling);
  expect([...again.head.parameters.keys()]).toEqual([...trained.head.parameters.keys()]);
  for (const [name, parameter] of again.head.parameters)
    expect(distance(parameter.dataSync(), trained.head.parameters.get(name)!.dataSync())).toBe(0);
  const texts = ["how nice", "", "oh no"];
  expect(await classifyTexts(model, again, texts)).toEqual(await classifyTexts(model, trained, texts));
  for (const { head } of [trained, again]) disposeHead(head);
});

it("reads texts into labels by the thresholds, or the likeliest", async () => {
  for (const kind of ["multi-label", "single-label"] as const) {
    const trained = await headFor(model, kind);
    for (const { labels, probabilities } of await classifyTexts(model, trained, ["how nice", "oh no"])) {
      const values = Object.values(probabilities);
      expect(values).toEqual([...values].sort((a, b) => b - a));
      const { thresholds, labels: names } = trained.card;
      const counted = names.filter((name, i) => (thresholds ? probabilities[name]! >= thresholds[i]! : probabilities[name] === values[0]));
      expect([...labels].sort()).toEqual(counted.sort());
    }
    disposeHead(trained.head);
  }
});

it("refuses a model of another width, with other weights or another adapter", async () => {
  const path = await saved();
  const wide = await formulaModel({ ...model.config.raw, n_embd: 32 });
  await expect(loadHead(path, wide)).rejects.toThrow("expected a model with hidden size 16");
  const other = await formulaModel({ ...model.config.raw, n_positions: 64 });
  await expect(loadHead(path, other)).rejects.toThrow("other weights");
  disposeHead((await loadHead(path, other, { anyModel: true })).head);
  const short = await formulaModel({ ...model.config.raw, n_positions: 16 });
  await expect(loadHead(path, short, { anyModel: true })).rejects.toThrow("maxTokens: expected a whole number from 2 to 16, got 32");
  const adapted = formulaLora(model, { rank: 2 });
  await expect(loadHead(path, adapted)).rejects.toThrow(/with no adapter, got "adapter [0-9a-f]{16}"/);
  const ofAdapter = await saved("multi-label", adapted);
  await expect(loadHead(ofAdapter, model)).rejects.toThrow('got "no adapter"');
  disposeHead((await loadHead(ofAdapter, adapted)).head);
  for (const each of [wide, other, short]) disposeModel(each);
  disposeAdapter(adapted.adapter!);
});

it("refuses files that do not belong together, and cards that say what cannot be", async () => {
  const [one, two] = [await saved("multi-label"), await saved("single-label")];
  copyFileSync(two.replace(".pt", ".json"), one.replace(".pt", ".json"));
  disposeHead((await loadHead(one, model)).head); // the same weights: the card may well be the other's
  await writePt(
    one,
    new Map([...readPt(readFileSync(one))].map(([name, tensor]) => [name, { ...tensor, values: tensor.values.map((x) => x + 1) }])),
  );
  await expect(loadHead(one, model)).rejects.toThrow("expected the file that head.json describes");
  for (const [change, message] of [
    [{ kind: "both" }, 'kind: expected "multi-label" or "single-label", got "both"'],
    [
      { pooling: { pooling: "max", maxTokens: 32, cut: "right" } },
      "pooling.pooling: expected mean, last, position, attention, mix, input-mean",
    ],
    [{ pooling: { pooling: "mix", maxTokens: 32, cut: "right" } }, "pooling.mix: expected weights for the pooling mix, else none"],
    [{ pooling: { pooling: "mean", mix: [1, 0, 0], maxTokens: 32, cut: "right" } }, "pooling.mix"],
    [{ pooling: { pooling: "mix", mix: [0.5, 0.5], maxTokens: 32, cut: "right" } }, "pooling mix: expected 3 weights with the sum 1"],
    [{ pooling: { pooling: "mean", layer: 7, maxTokens: 32, cut: "right" } }, "pooling layer: expected a whole number from 0 to 2, got 7"],
    [{ calibration: { kind: "platt", scale: [1], shift: [0] } }, "calibration.scale: expected 3 numbers"],
    [{ thresholds: [0.5] }, "thresholds: expected null or 3 numbers"],
    [{ inner: 13 }, "as its card says, got 0.weight [16]"],
    [{ labels: [] }, "labels: expected a list of names"],
    [{ format: 2 }, "format: expected 1, got 2"],
    [{ base: null }, "base.checksum"],
  ] as const) {
    const path = await saved();
    changeCard(path, change);
    await expect(loadHead(path, model), message).rejects.toThrow(message.includes("format") ? /format: expected "?1"?, got 2/ : message);
  }
  const alone = await saved();
  rmSync(alone);
  await expect(loadHead(alone, model)).rejects.toThrow("there is no such file");
  await expect(loadHead(join(temporaryFolder(), "none.pt"), model)).rejects.toThrow("there is no file none.json");
  await expect(loadHead("head.bin", model)).rejects.toThrow("a name that ends in .pt");
});

it("leaves no tensors behind, nor where it refuses", async () => {
  const path = await saved();
  const lost = await leaked(async () => {
    disposeHead((await loadHead(path, model)).head);
    changeCard(path, { inner: 99 });
    await loadHead(path, model).catch(() => {});
    changeCard(path, { base: { name: "x", revision: null, checksum: "other" } });
    await loadHead(path, model).catch(() => {});
  });
  expect(lost).toBe(0);
});

it.skipIf(!oracle)("writes heads that torch.load(weights_only=True) and nn.Sequential open, with our outputs", async () => {
  const folder = temporaryFolder();
  for (const [kind, inner] of [
    ["multi-label", 12],
    ["single-label", 512],
  ] as const) {
    const trained = await headFor(model, kind, "mean", inner);
    await saveHead(trained, join(folder, `${kind}.pt`));
    const values = formulaValues("inputs", [40, 16]);
    const probabilities = await headProbabilities(trained.head, { values, hidden: 16 });
    const table = (flat: Float32Array, width: number) =>
      Array.from({ length: 40 }, (_, row) => [...flat.subarray(row * width, (row + 1) * width)]);
    writeFileSync(join(folder, `${kind}.check.json`), JSON.stringify({ x: table(values, 16), probabilities: table(probabilities, 3) }));
    disposeHead(trained.head);
  }
  const report = checkWithOracle("check-head.py", folder);
  expect(report.match(/largest difference/g)).toHaveLength(2);
});
