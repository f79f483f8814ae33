import { basename, dirname } from "node:path";
import { expected, FormatError } from "../core/errors.js";
import { openSafetensors, toFloat32, writeSafetensors } from "../files/safetensors.js";
import { folderSource } from "../files/source.js";
import { type TextClassifier, textClassifier } from "./text-classifier.js";

const FORMAT = "eqlab text classifier 1";

/**
 * Writes a classifier as one safetensors file: `weights` `[features + 1, labels]`, `idf` `[features]`, the features' words as UTF-8 lines, and all else as
 * metadata. The words are those of the training texts that stand in several of them.
 */
export async function saveTextClassifier({ kind, labels, thresholds, macroF1, model }: TextClassifier, path: string): Promise<void> {
  const { features, weights, settings } = model;
  const words = Buffer.from([...features.columns.keys()].join("\n"));
  const card = { kind, labels, thresholds, macroF1, settings };
  await writeSafetensors(
    path,
    new Map([
      [
        "weights",
        { dtype: "F32" as const, shape: [weights.length / labels.length, labels.length], data: bytesOf(Float32Array.from(weights)) },
      ],
      ["idf", { dtype: "F64" as const, shape: [features.idf.length], data: bytesOf(features.idf) }],
      ["words", { dtype: "U8" as const, shape: [words.length], data: new Uint8Array(words) }],
    ]),
    { format: FORMAT, card: JSON.stringify(card) },
  );
}

/** Reads what `saveTextClassifier` wrote; it answers as it did, to the bit. @throws FormatError for a file that does not hold together. */
export async function loadTextClassifier(path: string): Promise<TextClassifier> {
  const file = await openSafetensors(folderSource(dirname(path)), basename(path));
  if (file.metadata.format !== FORMAT) throw new FormatError(expected(path, `a file of the format "${FORMAT}"`, file.metadata.format));
  const card = JSON.parse(file.metadata.card ?? "{}") as Pick<TextClassifier, "kind" | "labels" | "thresholds" | "macroF1"> & {
    settings: TextClassifier["model"]["settings"];
  };
  const weights = Float64Array.from(toFloat32(await file.read("weights")));
  const { data } = await file.read("idf");
  const idf = new Float64Array(data.slice().buffer);
  const words = Buffer.from((await file.read("words")).data).toString("utf8");
  const columns = new Map((words === "" ? [] : words.split("\n")).map((gram, column) => [gram, column]));
  const { kind, labels, thresholds, macroF1, settings } = card;
  const sound = (kind === "multi-label" || kind === "single-label") && Array.isArray(labels) && labels.length > 0 && settings;
  if (!sound || columns.size !== idf.length || weights.length !== (idf.length + 1) * labels.length) {
    const got = `${columns.size} words, ${idf.length} idf and ${weights.length} weights`;
    throw new FormatError(expected(path, "words, idf and weights that fit each other and the card", got, "Train it again"));
  }
  return textClassifier(kind, labels, { features: { words: settings.words, columns, idf }, weights, settings }, { thresholds, macroF1 });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
