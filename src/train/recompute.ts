import { checkNumber } from "../core/shapes.js";
import type { CausalLM, ModelConfig } from "../models/model.js";

export type RecomputeOptions = {
  /**
   * Only the input of a block is kept, and the block is computed once more on the way back: less memory, about a third more arithmetic
   * (Chen et al. 2016). `true` for every block.
   */
  recompute?: boolean | undefined;
  /** Memory for what is kept, in GiB: as many of the first blocks are recomputed as it takes. An estimate; weights and logits come on top. */
  activationMemory?: number | undefined;
};

/** How many of the first blocks are recomputed for rows of `[batch, time]` tokens. */
export function recomputedBlocks(
  model: CausalLM,
  [batch, time]: [number, number],
  { recompute, activationMemory }: RecomputeOptions,
): number {
  const { layers, hidden } = model.config;
  if (recompute) return layers;
  if (activationMemory === undefined) return 0;
  checkNumber("activationMemory", activationMemory, 0);
  const budget = activationMemory * 2 ** 30;
  const input = batch * time * hidden * 4;
  const block = blockBytes(model, batch, time);
  for (let recomputed = 0; recomputed < layers; recomputed++) {
    // One recomputed block is there as a whole while its own gradient is taken.
    const kept = Math.max(layers - recomputed, recomputed > 0 ? 1 : 0);
    if (kept * block + recomputed * input <= budget) return recomputed;
  }
  return layers;
}

/** Bytes that one block keeps for the way back, in f32: its norms, projections, attention weights and the inside of its MLP. */
function blockBytes({ type, config }: CausalLM, batch: number, time: number): number {
  const widths = type.linears(config).reduce((sum, { in: inputs, out }) => sum + inputs + out, 0);
  return batch * time * 4 * (2 * config.hidden + widths + attentionWeights(config, time));
}

const attentionWeights = ({ heads }: ModelConfig, time: number): number => heads * time;
