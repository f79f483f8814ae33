import { tf } from "../../src/core/tf.js";
import type { CausalLM } from "../../src/models/model.js";
import type { Tokenizer } from "../../src/text/tokenizer.js";
import { formulaModel } from "../formula.js";

/** A model that writes `script` after any prompt of `promptLength` tokens, greedily: its logits depend on the position alone. */
export async function scriptedModel(
  tokenizer: Tokenizer,
  script: readonly number[],
  promptLength: number,
  positions = 64,
): Promise<CausalLM> {
  const vocab = tokenizer.vocabSize;
  const config = {
    model_type: "gpt2",
    vocab_size: vocab,
    n_embd: positions,
    n_head: 1,
    n_layer: 1,
    n_positions: positions,
    tie_word_embeddings: false,
  };
  const model = await formulaModel(config);
  for (const [name, weight] of model.weights) {
    if (weight.rank === 2 || name.endsWith(".bias")) {
      model.weights.set(name, tf.zeros(weight.shape));
      weight.dispose();
    }
  }
  const output = new Float32Array(vocab * positions);
  script.forEach((id, i) => {
    output[id * positions + promptLength - 1 + i] = 1;
  });
  tf.dispose([model.weights.get("transformer.wpe.weight")!, model.weights.get("lm_head.weight")!]);
  model.weights.set("transformer.wpe.weight", tf.eye(positions));
  model.weights.set("lm_head.weight", tf.tensor2d(output, [vocab, positions]));
  return { ...model, tokenizer };
}
