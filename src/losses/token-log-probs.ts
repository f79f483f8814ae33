import { ordered } from "../core/compile/compile.js";
import { isNative } from "../core/engine.js";
import { dims } from "../core/shapes.js";
import { type Tensor, type Tensor1D, type Tensor2D, tf } from "../core/tf.js";
import { fused, hasOwnOperations } from "../nn/fused.js";
import { DT, nativeOp } from "../nn/native.js";
import { isRecording, isTrainable, withGradient } from "../nn/trainable.js";

/**
 * The natural logarithm of the probability of each target token: `hidden` `[rows, hidden]` and `head` `[vocab, hidden]` to `[rows]`.
 * Works through `chunk` rows at a time, so that the logits `[rows, vocab]` are never held whole, and finds each row's gradient on the way.
 */
export function tokenLogProbs(hidden: Tensor2D, head: Tensor2D, targets: Tensor1D, { chunk = 256 } = {}): Tensor1D {
  const { rows } = dims(hidden, ["rows", "hidden"], "tokenLogProbs hidden");
  if (rows === 0) return tf.zeros([0]) as Tensor1D;
  const trained = isTrainable(head);
  const recording = isRecording();
  const parts = ranges(rows, chunk);
  const forward = (from: number, size: number, wanted: boolean, after: readonly Tensor[]) =>
    tf.tidy(() => {
      const part = ordered(hidden.slice([from, 0], [size, -1]) as Tensor2D, after);
      const { loss, slope } = crossEntropy(tf.matMul(part, head, false, true), targets.slice(from, size), wanted);
      return slope ? [tf.neg(loss), tf.neg(tf.matMul(slope, head))] : [tf.neg(loss)];
    });
  return withGradient<Tensor1D>(
    trained ? [hidden, head] : [hidden],
    (save) => {
      const results: Tensor[][] = [];
      for (const [from, size] of parts) results.push(forward(from, size, recording, results.at(-1) ?? []));
      if (recording)
        save([
          tf.concat(
            results.map((pair) => pair[1]!),
            0,
          ),
          hidden,
          targets,
        ]);
      return tf.concat(
        results.map((pair) => pair[0]!),
        0,
      ) as Tensor1D;
    },
    (dy, [slopes, input, ids]) => {
      const dHidden = tf.mul(slopes!, dy.reshape([-1, 1]));
      if (!trained) return [dHidden];
      // The head's gradient needs dy, so the logits are made once more, chunk by chunk.
      let dHead: Tensor = tf.zeros(head.shape);
      for (const [from, size] of parts) {
        const next = tf.tidy(() => {
          const part = ordered((input as Tensor2D).slice([from, 0], [size, -1]), [dHead]);
          const logits = tf.matMul(part, head, false, true) as Tensor2D;
          const slope = weightedSlope(logits, (ids as Tensor1D).slice(from, size), dy.slice(from, size) as Tensor1D);
          return tf.sub(dHead, tf.matMul(slope, part, true, false));
        });
        dHead.dispose();
        dHead = next;
      }
      return [dHidden, dHead];
    },
  );
}

function ranges(rows: number, chunk: number): [from: number, size: number][] {
  return Array.from({ length: Math.ceil(rows / chunk) }, (_, i) => [i * chunk, Math.min(chunk, rows - i * chunk)]);
}

/** Cross-entropy of each row in nats, `[rows]`, and its slope by the logits, softmax − one-hot, `[rows, vocab]`, where wanted. */
function crossEntropy(logits: Tensor2D, targets: Tensor1D, wanted: boolean): { loss: Tensor; slope: Tensor2D | null } {
  if (hasOwnOperations()) {
    if (!wanted) return { loss: fused("CrossEntropy", [logits, targets])[0], slope: null };
    const [loss, slope] = fused<[Tensor, Tensor2D]>("CrossEntropySlope", [logits, targets, tf.ones(targets.shape)], 2);
    return { loss, slope };
  }
  if (isNative()) {
    const types = [
      { name: "T", kind: "type" as const, value: DT.float },
      { name: "Tlabels", kind: "type" as const, value: DT.int32 },
    ];
    const [loss, slope] = nativeOp("SparseSoftmaxCrossEntropyWithLogits", types, [logits, targets], 2);
    return { loss: loss!, slope: wanted ? (slope as Tensor2D) : null };
  }
  const logProbs = tf.logSoftmax(logits, -1);
  const oneHot = tf.oneHot(targets, logits.shape[1]);
  const loss = tf.neg(tf.sum(tf.mul(logProbs, oneHot), -1));
  return { loss, slope: wanted ? (tf.sub(tf.exp(logProbs), oneHot) as Tensor2D) : null };
}

/** The slope with each row times its factor. */
function weightedSlope(logits: Tensor2D, targets: Tensor1D, factors: Tensor1D): Tensor2D {
  if (hasOwnOperations()) return fused<[Tensor, Tensor2D]>("CrossEntropySlope", [logits, targets, factors], 2)[1];
  return tf.mul(crossEntropy(logits, targets, true).slope!, factors.reshape([-1, 1]));
}
