import { isNative } from "../core/engine.js";
import { expected } from "../core/errors.js";
import { checkNumber } from "../core/shapes.js";
import { type Tensor, type Tensor4D, tf } from "../core/tf.js";
import { fused, hasOwnOperations } from "./fused.js";
import { DT, nativeOp } from "./native.js";
import { withGradient } from "./trainable.js";

/** Rotary positions (Su et al. 2021) with the two scalings that Hugging Face configs name `linear` and `llama3`. */
export type RotaryOptions = {
  theta: number;
  /** Size of a head; even. */
  headDim: number;
  scaling:
    | { kind: "none" }
    | { kind: "linear"; factor: number }
    | { kind: "llama3"; factor: number; lowFrequencyFactor: number; highFrequencyFactor: number; originalPositions: number };
};

/** Reads the rotary settings of a config in both of its spellings (`rope_theta` + `rope_scaling`, and `rope_parameters`). */
export function rotaryOptions(raw: Record<string, unknown>, headDim: number): RotaryOptions {
  if (headDim % 2 !== 0) throw new RangeError(expected("config.json", "an even head size for rotary positions", headDim));
  const settings = (raw.rope_parameters ?? raw.rope_scaling ?? {}) as Record<string, unknown>;
  const theta = Number(settings.rope_theta ?? raw.rope_theta ?? 10000);
  const kind = String(settings.rope_type ?? settings.type ?? "default");
  const field = (name: string) => checkNumber(`config.json rope scaling ${name}`, Number(settings[name]), 1e-9);
  switch (kind) {
    case "default":
      return { theta, headDim, scaling: { kind: "none" } };
    case "linear":
      return { theta, headDim, scaling: { kind, factor: field("factor") } };
    case "llama3":
      return {
        theta,
        headDim,
        scaling: {
          kind,
          factor: field("factor"),
          lowFrequencyFactor: field("low_freq_factor"),
          highFrequencyFactor: field("high_freq_factor"),
          originalPositions: field("original_max_position_embeddings"),
        },
      };
    default:
      throw new RangeError(
        expected("config.json rope scaling", '"default", "linear" or "llama3"', kind, "This kind of long-context scaling is not supported"),
      );
  }
}

/** The angle of each pair of dimensions at position 1, in radians: `[headDim / 2]`. */
export function inverseFrequencies({ theta, headDim, scaling }: RotaryOptions): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = theta ** ((-2 * i) / headDim);
    if (scaling.kind === "linear") return frequency / scaling.factor;
    if (scaling.kind === "none") return frequency;
    const turns = (scaling.originalPositions * frequency) / (2 * Math.PI);
    const blend = (turns - scaling.lowFrequencyFactor) / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
    const smooth = Math.min(1, Math.max(0, blend));
    return (1 - smooth) * (frequency / scaling.factor) + smooth * frequency;
  });
}

/**
 * Cosines and sines for given positions, `[batch, 1, time, headDim]` each; both halves of `headDim` hold the same angles. The first half of the sines is
 * negative, which is the sign that a vector with swapped halves needs.
 */
export type RotaryTables = { cos: Tensor4D; sin: Tensor4D };

/** `positions`: `[batch, time]`, whole numbers. The caller owns both tables. */
export function rotaryTables(options: RotaryOptions, positions: { values: Int32Array; batch: number; time: number }): RotaryTables {
  const frequencies = inverseFrequencies(options);
  const half = frequencies.length;
  const cos = new Float32Array(positions.values.length * 2 * half);
  const sin = new Float32Array(cos.length);
  positions.values.forEach((position, row) => {
    for (let i = 0; i < half; i++) {
      const at = row * 2 * half + i;
      cos[at] = cos[at + half] = Math.cos(position * frequencies[i]!);
      sin[at + half] = Math.sin(position * frequencies[i]!);
      sin[at] = -sin[at + half]!;
    }
  });
  const shape: [number, number, number, number] = [positions.batch, 1, positions.time, 2 * half];
  return { cos: tf.tensor4d(cos, shape), sin: tf.tensor4d(sin, shape) };
}

/** Turns queries or keys `[batch, heads, time, headDim]` by their positions. */
export function rotate(x: Tensor4D, { cos, sin }: RotaryTables): Tensor4D {
  const turned = (x: Tensor4D, cos: Tensor, sin: Tensor, sign: 1 | -1): Tensor4D => {
    if (hasOwnOperations()) return fused("Rotate", [x, cos, sin, tf.scalar(sign)])[0] as Tensor4D;
    return (sign === 1 ? tf.add : tf.sub)(tf.mul(x, cos), tf.mul(swapHalves(x), sin));
  };
  return withGradient<Tensor4D>(
    [x],
    (save) => {
      save([cos, sin]);
      return turned(x, cos, sin, 1);
    },
    (dy, [cos, sin]) => [turned(dy, cos!, sin!, -1)],
  );
}

/** The two halves of the last axis in the other order. */
function swapHalves(x: Tensor4D): Tensor4D {
  const half = x.shape[3] / 2;
  if (!isNative()) {
    const [a, b] = tf.split(x, 2, -1) as [Tensor4D, Tensor4D];
    return tf.concat([b, a], -1);
  }
  const types = { T: DT.float, Tshift: DT.int32, Taxis: DT.int32 };
  const attributes = Object.entries(types).map(([name, value]) => ({ name, kind: "type" as const, value }));
  return nativeOp("Roll", attributes, [x, tf.scalar(half, "int32"), tf.scalar(3, "int32")])[0] as Tensor4D;
}
