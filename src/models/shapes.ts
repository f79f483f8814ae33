import type { ModelConfig, ModelType } from "./model.js";

/** Every weight that a model of this type and shape has, by Hugging Face's names. */
export function weightShapes(type: ModelType, config: ModelConfig): Map<string, number[]> {
  const shapes = new Map(Object.entries(type.outer(config)));
  for (let i = 0; i < config.layers; i++) {
    for (const [name, shape] of Object.entries(type.inner(config))) shapes.set(type.block(i) + name, shape);
    for (const { name, in: inputs, out, bias } of type.linears(config)) {
      shapes.set(`${type.block(i)}${name}.weight`, type.layout === "out-in" ? [out, inputs] : [inputs, out]);
      if (bias) shapes.set(`${type.block(i)}${name}.bias`, [out]);
    }
  }
  if (!config.tied) shapes.set("lm_head.weight", [config.vocab, config.hidden]);
  return shapes;
}

/** Number of parameters, tied ones counted once. */
export function parameterCount(type: ModelType, config: ModelConfig): number {
  return [...weightShapes(type, config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
