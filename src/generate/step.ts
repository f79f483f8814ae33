import type { Results } from "../core/compile/compile.js";
import { type Tensor, type Tensor2D, type Tensor4D, tf } from "../core/tf.js";
import { type CausalLM, outputEmbedding, type PassContext } from "../models/model.js";
import { scopeOf } from "../models/scope.js";
import { attentionToParts } from "../nn/attention-to-parts.js";
import { product } from "../nn/product.js";
import { rotaryTables } from "../nn/rotary.js";
import type { KeyValueCache } from "./cache.js";
import type { Chooser } from "./choose.js";
import { compiledStep } from "./compiled-steps.js";

/** Passes one token of each row through the model and returns what the chooser computes of the logits after it. Owned by the caller. */
export function nextResults(model: CausalLM, cache: KeyValueCache, ids: readonly number[], chooser: Chooser): Results {
  const { rotary, window } = model.config;
  const { batch, positions } = cache;
  if (ids.length !== batch) throw new RangeError(`cache: expected ${batch} rows, got ${ids.length}`);
  return tf.tidy(() => {
    const tables = rotary && rotaryTables(rotary, { values: positions, batch, time: 1 });
    const step = compiledStep(model, chooser.name, (model, args) => stepOnTensors(model, chooser, args));
    const { recent, ...results } = step(
      tf.tensor2d([...ids], [batch, 1], "int32"),
      tf.tensor2d(positions, [batch, 1], "int32"),
      cache.mask(window),
      cache.past,
      cache.recent,
      ...(tables ? [tables.cos, tables.sin] : []),
    );
    cache.push(recent!);
    return results;
  });
}

/** One step as tensors alone: `[ids, positions, mask, past, recent]`, and the rotary tables where the model has them. */
function stepOnTensors(model: CausalLM, chooser: Chooser, args: readonly Tensor[]): Results {
  const [ids, positions, mask, past, recent, cos, sin] = args as [Tensor2D, Tensor2D, Tensor4D, Tensor, Tensor, Tensor4D?, Tensor4D?];
  const { type, config } = model;
  return tf.tidy(() => {
    const outer = scopeOf(model, type.prefix, null);
    const rotary = cos && sin ? { cos, sin } : null;
    const [pasts, recents] = [tf.unstack(past), tf.unstack(recent)];
    const fresh: Tensor[] = [];
    let x = type.embed(outer, ids, positions);
    for (let i = 0; i < config.layers; i++) {
      const previous = x;
      const [after, key, value] = tf.tidy(() => {
        let own!: Tensor4D[];
        const attend: PassContext["attend"] = (query, ...pair) => {
          own = pair;
          const [keys, values] = pair.map((part, k) => [pasts[2 * i + k]!, tf.concat([recents[2 * i + k]!, part], 2)] as Tensor4D[]);
          return attentionToParts(query, keys!, values!, mask, 1 / Math.sqrt(config.headDim));
        };
        return [type.forward(scopeOf(model, type.block(i), null), previous, { config, rotary, attend }), ...own];
      }) as [Tensor, Tensor4D, Tensor4D];
      previous.dispose();
      fresh.push(key, value);
      x = after;
    }
    const hidden = type.finish(outer, x, config).reshape([ids.shape[0], config.hidden]) as Tensor2D;
    const logits = product(hidden, outputEmbedding(model), false, true);
    const moved = tf.concat([recent.slice([0, 0, 0, 1, 0]), tf.stack(fresh)], 3);
    return { recent: moved, ...chooser.reduce(logits) };
  });
}
