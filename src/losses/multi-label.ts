import { expected } from "../core/errors.js";
import { checkNumber } from "../core/shapes.js";
import { type Scalar, type Tensor, type Tensor2D, tf } from "../core/tf.js";
import type { MultiLabelLoss } from "../nn/classification-head.js";
import { withGradient } from "../nn/trainable.js";
import { bceWithLogits } from "./bce.js";

type LossAndCount = { sum: Scalar; count: number };

/** The loss with its defaults, for a card. @throws RangeError for a number out of range, or weights that are not one a class. */
export function resolveLoss(loss: MultiLabelLoss, classes: number): MultiLabelLoss {
  switch (loss.kind) {
    case "bce": {
      const { positiveWeights } = loss;
      if (!positiveWeights) return { kind: "bce" };
      if (positiveWeights.length !== classes || positiveWeights.some((weight) => !(Number.isFinite(weight) && weight > 0)))
        throw new RangeError(expected("loss.positiveWeights", `${classes} positive numbers`, positiveWeights));
      return { kind: "bce", positiveWeights: [...positiveWeights] };
    }
    case "focal": {
      const { gamma = 2, alpha = 0.25 } = loss;
      checkNumber("loss.gamma", gamma, 0);
      if (alpha !== null) checkNumber("loss.alpha", alpha, 0, 1);
      return { kind: "focal", gamma, alpha };
    }
    case "asymmetric": {
      const { gammaPositive = 0, gammaNegative = 4, margin = 0.05 } = loss;
      checkNumber("loss.gammaPositive", gammaPositive, 0);
      checkNumber("loss.gammaNegative", gammaNegative, 0);
      checkNumber("loss.margin", margin, 0, 0.99);
      return { kind: "asymmetric", gammaPositive, gammaNegative, margin };
    }
    default:
      throw new RangeError(expected("loss.kind", "bce, focal or asymmetric", (loss satisfies never as MultiLabelLoss).kind));
  }
}

/** Loss in nats as a sum over all `rows × classes` decisions, and their count. `logits`, `targets` (0 or 1): `[rows, classes]`. Finite for finite logits. */
export function multiLabelLoss(loss: MultiLabelLoss, logits: Tensor2D, targets: Tensor2D): LossAndCount {
  const resolved = resolveLoss(loss, logits.shape[1]);
  if (resolved.kind === "bce" && !resolved.positiveWeights) return bceWithLogits(logits, targets);
  const sum = withGradient<Scalar>(
    [logits],
    (save) => {
      save([logits, targets]);
      const { value } = terms(resolved, logits, targets);
      return tf.sum(value) as Scalar;
    },
    (dy, [x, z]) => [tf.mul(dy, terms(resolved, x as Tensor2D, z as Tensor2D).slope)],
  );
  return { sum, count: logits.size };
}

type Terms = { value: Tensor; slope: Tensor };

/** Each decision's loss and its derivative by the logit. */
function terms(loss: MultiLabelLoss, x: Tensor2D, targets: Tensor2D): Terms {
  if (loss.kind === "bce") {
    const factor = tf.add(tf.mul(targets, tf.sub(loss.positiveWeights as number[], 1)), 1);
    return scaled(factor, modulated(x, targets, 0));
  }
  if (loss.kind === "focal") {
    const { gamma = 2, alpha = null } = loss;
    const own = modulated(x, targets, gamma);
    if (alpha === null) return own;
    return scaled(tf.add(tf.mul(targets, 2 * alpha - 1), 1 - alpha), own);
  }
  const { gammaPositive = 0, gammaNegative = 4, margin = 0.05 } = loss;
  const [held, others] = [modulated(x, targets, gammaPositive), shifted(x, gammaNegative, margin)];
  const pick = (a: Tensor, b: Tensor) => tf.where(tf.cast(targets, "bool"), a, b);
  return { value: pick(held.value, others.value), slope: pick(held.slope, others.slope) };
}

const scaled = (factor: Tensor, { value, slope }: Terms): Terms => ({ value: tf.mul(factor, value), slope: tf.mul(factor, slope) });

/** (1 - p)^γ × -ln p for the probability p of what is true, from exponents that are never positive. */
function modulated(x: Tensor2D, targets: Tensor2D, gamma: number): Terms {
  const sign = tf.sub(tf.mul(targets, 2), 1);
  const u = tf.mul(sign, x); // p = sigmoid(u)
  const [surprise, sureness] = [softplus(tf.neg(u)), softplus(u)]; // -ln p and -ln(1 - p)
  const weight = tf.exp(tf.mul(sureness, -gamma));
  const down = tf.add(tf.mul(tf.mul(tf.sigmoid(u), surprise), gamma), tf.sigmoid(tf.neg(u)));
  return { value: tf.mul(weight, surprise), slope: tf.neg(tf.mul(sign, tf.mul(weight, down))) };
}

/** q^γ × -ln(1 - q) for q = max(sigmoid(x) - margin, 0). */
function shifted(x: Tensor2D, gamma: number, margin: number): Terms {
  const [p, rest] = [tf.sigmoid(x), tf.sigmoid(tf.neg(x))];
  const q = tf.relu(tf.sub(p, margin));
  const surprise = margin > 0 ? tf.neg(tf.log(tf.minimum(tf.add(rest, margin), 1))) : softplus(x);
  const over = tf.cast(tf.greater(p, margin), "float32");
  const power = gamma === 0 ? over : tf.pow(q, gamma);
  // d(-ln(1 - q))/dx = p (1 - p) / (1 - q)
  const direct = tf.mul(power, margin > 0 ? tf.div(tf.mul(p, rest), tf.add(rest, margin)) : p);
  // γ q^(γ-1) × -ln(1 - q) × p (1 - p); where q is 0 so is the surprise.
  const bent =
    gamma === 0 ? tf.zerosLike(p) : tf.mul(tf.mul(tf.div(power, tf.maximum(q, 1e-12)), surprise), tf.mul(tf.mul(p, rest), gamma));
  return { value: tf.mul(power, surprise), slope: tf.mul(over, tf.add(direct, bent)) };
}

/** ln(1 + exp(x)) without overflow. */
const softplus = (x: Tensor): Tensor => tf.add(tf.relu(x), tf.log1p(tf.exp(tf.neg(tf.abs(x)))));
