import { fileURLToPath } from "node:url";
import type { HubOptions } from "../files/hub.js";
import { openSource } from "../files/source.js";
import { loadEmpatheticDialogues } from "./empathetic-dialogues.js";
import { loadEqBench } from "./eq-bench.js";
import { loadEsconv } from "./esconv.js";
import { loadGoEmotions } from "./go-emotions.js";
import type { Conversation, EqQuestion, LabelledText } from "./record.js";

export type WorldPart = "esconv" | "empathetic_dialogues" | "goemotions" | "eq_bench" | "model";

/** All four data sets. */
export type OpenedData = { empathetic: Conversation[]; esconv: Conversation[]; goEmotions: LabelledText[]; eqBench: EqQuestion[] };

/** The folder of a part of the embedded default: small data sets written for this project, and a small model that it trained. */
export function world(part: WorldPart): string {
  // The same from src/data and from dist/data: the embedded files stay in src.
  return fileURLToPath(new URL(part === "model" ? "../../src/world/model" : `../../src/world/data/${part}`, import.meta.url));
}

/**
 * The four data sets below one folder, as `esconv`, `goemotions`, `empathetic_dialogues` and `eq_bench`; without a folder, the embedded
 * ones.
 * @throws NotFoundError where the folder or one of the four is not there; FormatError as the loaders do.
 */
export async function openData(folder?: string | null, options?: HubOptions): Promise<OpenedData> {
  const place = await openSource(folder ?? fileURLToPath(new URL("../../src/world/data", import.meta.url)), "dataset", options);
  return {
    empathetic: await loadEmpatheticDialogues(place, options),
    esconv: await loadEsconv(place, options),
    goEmotions: await loadGoEmotions(place, options),
    eqBench: await loadEqBench(place, options),
  };
}
