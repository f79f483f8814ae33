import { join } from "node:path";

/** Where the stages leave what they trained, and how the evaluation calls it. */
export const VARIANT_FOLDERS = {
  sft: "SFT",
  "sft-longer": "SFT, longer",
  dpo: "SFT + DPO",
  "dpo-shuffled": "SFT + DPO, shuffled pairs",
} as const;

/** Where the stages put what another seed made; seed 0 is in `out` itself. */
export const seedFolder = (out: string, seed: number): string => (seed === 0 ? out : join(out, "seeds", String(seed)));
