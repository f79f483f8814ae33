import { expected } from "../core/errors.js";
import { checkNumber } from "../core/shapes.js";
import { type Tensor1D, tf } from "../core/tf.js";

export type PreferenceLoss = {
  /** `sigmoid`: DPO (Rafailov et al. 2023); `ipo`: identity preference (Azar et al. 2023), on mean log-probabilities; `hinge`: SLiC (Zhao et al. 2023). */
  kind?: "sigmoid" | "ipo" | "hinge";
  /** Strength of the tie to the reference; 0.01 to 0.5. */
  beta?: number;
  /** Share of pairs whose order is taken to be wrong, in [0, 0.5); `sigmoid` only (conservative DPO). */
  labelSmoothing?: number;
};

/** Log-probabilities of replies in nats, `[pairs]` each: sums over tokens, or means for `ipo`. */
export type PairLogProbs = { chosen: Tensor1D; rejected: Tensor1D };

/**
 * The loss of each pair, `[pairs]`, as TRL computes it: a function of the margin h = (policy − reference) of chosen minus that of rejected. Differentiable in
 * `policy`. At h = 0 the sigmoid loss is ln 2.
 */
export function preferenceLoss(policy: PairLogProbs, reference: PairLogProbs, { kind = "sigmoid", beta = 0.1, labelSmoothing = 0 }: PreferenceLoss = {}): Tensor1D {
  checkNumber("beta", beta, Number.MIN_VALUE);
  checkNumber("labelSmoothing", labelSmoothing, 0, 0.5);
  if (kind !== "sigmoid" && labelSmoothing > 0) throw new RangeError(expected("labelSmoothing", `0 for the loss "${kind}"`, labelSmoothing));
  const h = tf.sub(tf.sub(policy.chosen, reference.chosen), tf.sub(policy.rejected, reference.rejected)) as Tensor1D;
  switch (kind) {
    case "sigmoid": {
      // −ln σ(x) is softplus(−x); tfjs's own logSigmoid has no usable gradient.
      const right = tf.softplus(tf.mul(h, -beta));
      if (labelSmoothing === 0) return right as Tensor1D;
      return tf.add(tf.mul(right, 1 - labelSmoothing), tf.mul(tf.softplus(tf.mul(h, beta)), labelSmoothing)) as Tensor1D;
    }
    case "ipo":
      return tf.square(tf.sub(h, 1 / (2 * beta))) as Tensor1D;
    case "hinge":
      return tf.relu(tf.sub(1, tf.mul(h, beta))) as Tensor1D;
    default:
      throw new RangeError(expected("preference loss", '"sigmoid", "ipo" or "hinge"', kind));
  }
}
