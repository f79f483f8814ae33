import { ordered } from "../core/compile/compile.js";
import { type Tensor, type Tensor4D, tf } from "../core/tf.js";
import { fused, hasOwnOperations } from "./fused.js";
import { isRecording, withGradient } from "./trainable.js";

export type AttentionOptions = {
  /** The queries are the last positions, and the mask forbids each of them all later keys; those are then left out, nearly half of the work. */
  causal?: boolean;
};

/** Most queries of a piece where later keys are left out: a shorter piece leaves out more, and has smaller products. */
const CAUSAL_QUERIES = 128;
/** Fewest queries of a piece, but for what remains. */
const FEWEST_QUERIES = 32;
/** Most scores of a piece, where `FEWEST_QUERIES` allow it: 16 MiB in f32. */
const PIECE_SCORES = 2 ** 22;
/** Most probabilities that are kept for the way back, 32 MiB in f32; where there are more, they are computed once more. */
const KEPT_PROBABILITIES = 2 ** 23;

/** Queries from `from` up to `to`, and the number of keys, from the first, that they may see. */
type Piece = { from: number; to: number; keys: number };

/**
 * Scaled dot-product attention with grouped queries: each of the `kvHeads` keys and values serves `heads / kvHeads` queries. `query`:
 * `[batch, heads, queries, headDim]`; `key`, `value`: `[batch, kvHeads, keys, headDim]`; `mask`: added to the scores, `[batch, 1, queries, keys]`, no
 * gradient; returns the shape of `query`. Many queries are computed piece by piece, so that memory grows with their number and not its square.
 */
export function attention(
  query: Tensor4D,
  key: Tensor4D,
  value: Tensor4D,
  mask: Tensor4D,
  scale: number,
  { causal = false }: AttentionOptions = {},
): Tensor4D {
  const pieces = piecesOf(query, key, causal);
  const [batch, heads] = query.shape;
  const scores = pieces.reduce((sum, { from, to, keys }) => sum + batch * heads * (to - from) * keys, 0);
  const keeps = isRecording() && scores <= KEPT_PROBABILITIES;
  // Our own operations scale the scores as they go; else the smaller of the two takes the scale.
  const ownScale = hasOwnOperations() ? scale : null;
  const [queryFactor, keyFactor] = ownScale !== null ? [1, 1] : query.size <= key.size ? [scale, 1] : [1, scale];
  return withGradient<Tensor4D>(
    [query, key, value],
    (save) => {
      const inputs: Inputs = { query: times(query, queryFactor), key: times(key, keyFactor), value, mask, ownScale };
      const { mixed, probabilities } = forward(inputs, pieces, keeps);
      save([inputs.query, inputs.key, value, mask, ...(ownScale === null ? [mixed] : []), ...probabilities]);
      return mixed;
    },
    (dy, [query, key, value, mask, ...rest]) => {
      const inputs = { query, key, value, mask, ownScale } as Inputs;
      const mixed = ownScale === null ? (rest.shift() as Tensor4D) : null;
      const { dQuery, dKey, dValue } = backward(dy, inputs, mixed, pieces, rest as Tensor4D[]);
      return [times(dQuery, queryFactor), times(dKey, keyFactor), dValue];
    },
  );
}

/** As in `attention`. `ownScale`: what the addon's own operations scale by; `null` without them, where queries or keys carry the scale. */
type Inputs = { query: Tensor4D; key: Tensor4D; value: Tensor4D; mask: Tensor4D; ownScale: number | null };

function piecesOf(query: Tensor4D, key: Tensor4D, causal: boolean): Piece[] {
  const [batch, heads, queries] = query.shape;
  const keys = key.shape[2];
  const fitting = Math.max(FEWEST_QUERIES, Math.floor(PIECE_SCORES / (batch * heads * keys)));
  const count = Math.ceil(queries / (causal ? Math.min(CAUSAL_QUERIES, fitting) : fitting));
  const length = Math.ceil(queries / count);
  return Array.from({ length: Math.ceil(queries / length) }, (_, i) => {
    const to = Math.min(queries, (i + 1) * length);
    return { from: i * length, to, keys: causal ? keys - queries + to : keys };
  });
}

function forward(inputs: Inputs, pieces: Piece[], keeps: boolean): { mixed: Tensor4D; probabilities: Tensor4D[] } {
  const parts: Tensor4D[] = [];
  const probabilities: Tensor4D[] = [];
  for (const piece of pieces) {
    const [part, seen] = tf.tidy(() => {
      const seen = softmaxOf(inputs, piece, parts.slice(-1));
      const mixed = tf.matMul(stacked(seen, inputs.value), rows(inputs.value, 0, piece.keys));
      return [mixed.reshape(rowShape(inputs.query, piece)) as Tensor4D, ...(keeps ? [seen] : [])] as const;
    });
    parts.push(part);
    if (seen) probabilities.push(seen);
  }
  return { mixed: joined(parts), probabilities };
}

/** What the queries of a piece look at, `[batch, heads, queries, keys]`; not computed before `after`. */
function softmaxOf({ query, key, mask, ownScale }: Inputs, piece: Piece, after: Tensor[]): Tensor4D {
  const { from, to, keys } = piece;
  const [batch, heads] = query.shape;
  return tf.tidy(() => {
    const asking = stacked(ordered(rows(query, from, to), after), key);
    const scores = tf.matMul(asking, rows(key, 0, keys), false, true).reshape([batch, heads, to - from, keys]);
    if (ownScale !== null) return fused("MaskedSoftmax", [scores, mask, tf.scalar(from, "int32"), tf.scalar(ownScale)])[0] as Tensor4D;
    return tf.softmax(tf.add(scores, tf.slice(mask, [0, 0, from, 0], [mask.shape[0], 1, to - from, keys]))) as Tensor4D;
  });
}

/**
 * Gradients by the queries and the keys, as they are scaled in `inputs`, and by the values. `mixed`: the result, or `null` with the addon's own
 * operations. `probabilities`: what `forward` kept, or none, to make them again.
 */
function backward(dy: Tensor4D, inputs: Inputs, mixed: Tensor4D | null, pieces: Piece[], probabilities: Tensor4D[]) {
  const { query, key, value, ownScale } = inputs;
  const [dMixed, values] = mixed ? extended(dy, mixed, value) : [dy, value];
  const dQueries: Tensor4D[] = [];
  let sums: Tensor4D[] = [];
  pieces.forEach((piece, i) => {
    const { from, to, keys } = piece;
    const previous = sums;
    const [dQuery, ...next] = tf.tidy(() => {
      const after = previous.length > 0 ? [...previous, dQueries.at(-1)!] : [dMixed];
      const seen = stacked(probabilities[i] ?? softmaxOf(inputs, piece, after), value);
      const dPart = stacked(ordered(rows(dMixed, from, to), after), value);
      const dScores = tf.tidy(() => byScores(tf.matMul(dPart, rows(values, 0, keys), false, true), seen, ownScale));
      const dKey = tf.matMul(dScores, stacked(rows(query, from, to), value), true) as Tensor4D;
      const dValues = tf.matMul(seen, dPart, true) as Tensor4D;
      const dQuery = tf.matMul(dScores, rows(key, 0, keys)).reshape(rowShape(query, piece)) as Tensor4D;
      return [dQuery, grown(previous[0], dKey), grown(previous[1], dValues)];
    });
    dQueries.push(dQuery!);
    tf.dispose(previous);
    sums = next;
  });
  const [dKey, dValues] = sums as [Tensor4D, Tensor4D];
  return { dQuery: joined(dQueries), dKey, dValue: mixed ? tf.slice(dValues, [0, 0, 0, 0], value.shape) : dValues };
}

/**
 * The softmax's gradient is p·(dp − Σ p·dp), where Σ p·dp = Σ dy·mixed. One more column of dy and of the values makes the product of both
 * dp − Σ p·dp, which saves plain operations a pass.
 */
function extended(dy: Tensor4D, mixed: Tensor4D, value: Tensor4D): [dMixed: Tensor4D, values: Tensor4D] {
  const ones = tf.ones([...(value.shape.slice(0, 3) as [number, number, number]), 1]);
  return [tf.concat([dy, tf.neg(tf.sum(tf.mul(dy, mixed), -1, true))], 3) as Tensor4D, tf.concat([value, ones], 3) as Tensor4D];
}

/** The gradient by the scores: from that by the probabilities `seen`, or, without own operations, from dp − Σ p·dp. */
const byScores = (dSeen: Tensor, seen: Tensor4D, ownScale: number | null): Tensor4D =>
  (ownScale === null ? tf.mul(seen, dSeen) : fused("SoftmaxGradient", [dSeen, seen, tf.scalar(ownScale)])[0]) as Tensor4D;

const times = (x: Tensor4D, factor: number): Tensor4D => (factor === 1 ? x : tf.mul(x, factor));

/** Positions `from` up to `to` of `[batch, heads, time, headDim]`. */
function rows(x: Tensor4D, from: number, to: number): Tensor4D {
  const [batch, heads, time, size] = x.shape;
  return to - from === time ? x : tf.slice(x, [0, 0, from, 0], [batch, heads, to - from, size]);
}

const rowShape = ({ shape: [batch, heads, , headDim] }: Tensor4D, { from, to }: Piece): number[] => [batch, heads, to - from, headDim];

/** The heads that share a key under each other, so that one product serves them all: `[batch, kvHeads, group * time, ...]`. */
export function stacked(x: Tensor4D, { shape: [, kvHeads] }: Tensor4D): Tensor4D {
  const [batch, heads, time, size] = x.shape;
  return heads === kvHeads ? x : x.reshape([batch, kvHeads, (heads / kvHeads) * time, size]);
}

const joined = (parts: Tensor4D[]): Tensor4D => (parts.length === 1 ? parts[0]! : tf.concat(parts, 2));

/** The sum of two, of which the first may have fewer positions. */
function grown(sum: Tensor4D | undefined, part: Tensor4D): Tensor4D {
  if (!sum) return part;
  const missing = part.shape[2] - sum.shape[2];
  const none: [number, number] = [0, 0];
  return tf.add(missing === 0 ? sum : tf.pad(sum, [none, none, [0, missing], none]), part);
}

/** `[batch, time, heads * headDim]` to `[batch, heads, time, headDim]`. */
export function splitHeads(x: Tensor, heads: number): Tensor4D {
  const [batch, time, hidden] = x.shape as [number, number, number];
  if (time === 1) return x.reshape([batch, heads, 1, hidden / heads]); // nothing to move
  return tf.transpose(x.reshape([batch, time, heads, hidden / heads]), [0, 2, 1, 3]) as Tensor4D;
}

/** `[batch, time, parts * heads * headDim]`, as one projection makes queries, keys and values, to as many of `[batch, heads, time, headDim]`. */
export function splitProjections(x: Tensor, parts: number, heads: number): Tensor4D[] {
  const [batch, time, size] = x.shape as [number, number, number];
  // One copy; the parts are views of it.
  const apart = tf.transpose(x.reshape([batch, time, parts, heads, size / (parts * heads)]), [2, 0, 3, 1, 4]);
  return tf.unstack(apart) as Tensor4D[];
}

/** `[batch, heads, time, headDim]` to `[batch, time, heads * headDim]`. */
export function joinHeads(x: Tensor4D): Tensor {
  const [batch, heads, time, headDim] = x.shape;
  return (time === 1 ? x : tf.transpose(x, [0, 2, 1, 3])).reshape([batch, time, heads * headDim]);
}
