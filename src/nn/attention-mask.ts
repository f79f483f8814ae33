import { type Tensor4D, tf } from "../core/tf.js";

/** Which tokens belong together, `[batch, time]`. `values`: 0 is padding, equal numbers see each other. `parents`: one more number that the token sees, 0 for none. */
export type Segments = { values: Int32Array; batch: number; time: number; parents?: Int32Array };

const FORBIDDEN = -1e9;

/**
 * An additive mask `[batch, 1, queries, keys]`: 0 where a query may look, -1e9 elsewhere. A query sees keys of its own segment and of its parent that are
 * not later than itself, and at most `window` positions back. A segment continues its parent, so that replies to one prompt share it: the columns between
 * the two do not count for the window. With `queries` fewer than keys, the queries are the last ones (cached decoding). Owned by the caller.
 * @param window Number of positions a query can see, itself included; `null` for all.
 */
export function attentionMask({ values, parents, batch, time }: Segments, queries: number, window: number | null): Tensor4D {
  const mask = new Float32Array(batch * queries * time).fill(FORBIDDEN);
  const reach = window ?? Number.POSITIVE_INFINITY;
  for (let row = 0; row < batch; row++) {
    const segments = values.subarray(row * time, (row + 1) * time);
    for (let i = 0; i < queries; i++) {
      const query = time - queries + i;
      const own = segments[query]!;
      if (own === 0) continue;
      const start = (row * queries + i) * time;
      const line = mask.subarray(start, start + query + 1);
      allow(line, segments, own, query - reach + 1);
      const parent = parents?.[row * time + query] ?? 0;
      if (parent === 0) continue;
      const between = window === null ? 0 : segments.indexOf(own) - segments.lastIndexOf(parent) - 1;
      allow(line, segments, parent, query - between - reach + 1);
    }
  }
  return tf.tensor4d(mask, [batch, 1, queries, time]);
}

/** Opens the keys of one segment, from number `first` to the end of `line`. */
function allow(line: Float32Array, segments: Int32Array, segment: number, first: number): void {
  for (let key = Math.max(0, first); key < line.length; key++) {
    if (segments[key] === segment) line[key] = 0;
  }
}
