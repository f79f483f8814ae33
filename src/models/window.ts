/**
 * The sliding window of a Qwen config, `null` where it is off. A window in some layers only is refused: here all layers share one mask.
 * @throws RangeError for mixed layers.
 */
export function slidingWindow(raw: Record<string, unknown>): number | null {
  if (raw.use_sliding_window !== true || typeof raw.sliding_window !== "number") return null;
  const layers = Number(raw.num_hidden_layers);
  const kinds = Array.isArray(raw.layer_types)
    ? raw.layer_types
    : Array.from({ length: layers }, (_, i) => kindOf(i, Number(raw.max_window_layers ?? 28)));
  const sliding = kinds.filter((kind) => kind === "sliding_attention").length;
  if (sliding === 0) return null;
  if (sliding < layers)
    throw new RangeError(
      `config.json: expected a sliding window in all layers or none, got one in ${sliding} of ${layers}. Such models are not supported`,
    );
  return raw.sliding_window;
}

/** As transformers fills in `layer_types` where a config has none. */
const kindOf = (layer: number, firstSliding: number): string => (layer >= firstSliding ? "sliding_attention" : "full_attention");
