import { expected } from "../core/errors.js";
import { checkNumber } from "../core/shapes.js";
import { type Tensor1D, tf } from "../core/tf.js";

export type PreferenceKind = "sigmoid" | "robust" | "ipo" | "hinge";

export type PreferenceLoss = {
  /**
   * `sigmoid`: DPO (Rafailov et al. 2023); `robust`: the same, unbiased where some pairs are the wrong way round (Chowdhury et al. 2024);
   * `ipo`: identity preference (Azar et al. 2023), on mean log-probabilities; `hinge`: SLiC (Zhao et al. 2023).
   */
  kind?: PreferenceKind | undefined;
  /** Strength of the tie to the reference; 0.01 to 0.5. For `ipo`, the paper's τ. */
  beta?: number | undefined;
  /** Share of pairs whose order is taken to be wrong, in [0, 0.5). With `sigmoid` it gives conservative DPO, where TRL 1.13 leaves it out. */
  labelSmoothing?: number | undefined;
};

export type ResolvedPreferenceLoss = { kind: PreferenceKind; beta: number; labelSmoothing: number };

/** Log-probabilities of replies in nats, `[pairs]` each: sums over tokens, or means for `ipo`. */
export type PairLogProbs = { chosen: Tensor1D; rejected: Tensor1D };

/** Fills in the defaults. @throws RangeError for what no loss can be. */
export function preferenceOptions({ kind = "sigmoid", beta = 0.1, labelSmoothing = 0 }: PreferenceLoss): ResolvedPreferenceLoss {
  if (!["sigmoid", "robust", "ipo", "hinge"].includes(kind)) {
    throw new RangeError(expected("preference loss", '"sigmoid", "robust", "ipo" or "hinge"', kind));
  }
  checkNumber("beta", beta, 1e-6);
  checkNumber("labelSmoothing", labelSmoothing, 0, 0.499);
  if ((kind === "ipo" || kind === "hinge") && labelSmoothing > 0) {
    throw new RangeError(expected("labelSmoothing", `0 for the loss "${kind}"`, labelSmoothing));
  }
  return { kind, beta, labelSmoothing };
}

/**
 * The loss of each pair, `[pairs]`: a function of the margin h = (policy − reference) of chosen minus that of rejected, as TRL 1.13
 * computes it. Differentiable in `policy`. At h = 0 the sigmoid loss is ln 2.
 */
export function preferenceLoss(policy: PairLogProbs, reference: PairLogProbs, options: PreferenceLoss = {}): Tensor1D {
  const { kind, beta, labelSmoothing } = preferenceOptions(options);
  const h = tf.sub(tf.sub(policy.chosen, reference.chosen), tf.sub(policy.rejected, reference.rejected));
  // −ln σ(x) is softplus(−x); tfjs's own logSigmoid has no usable gradient.
  const right = () => tf.softplus(tf.mul(h, -beta));
  const wrong = () => tf.softplus(tf.mul(h, beta));
  switch (kind) {
    case "sigmoid":
      if (labelSmoothing === 0) return right() as Tensor1D;
      return tf.add(tf.mul(right(), 1 - labelSmoothing), tf.mul(wrong(), labelSmoothing)) as Tensor1D;
    case "robust":
      if (labelSmoothing === 0) return right() as Tensor1D;
      return tf.div(tf.sub(tf.mul(right(), 1 - labelSmoothing), tf.mul(wrong(), labelSmoothing)), 1 - 2 * labelSmoothing) as Tensor1D;
    case "ipo":
      return tf.square(tf.sub(h, 1 / (2 * beta))) as Tensor1D;
    case "hinge":
      return tf.relu(tf.sub(1, tf.mul(h, beta))) as Tensor1D;
  }
}
