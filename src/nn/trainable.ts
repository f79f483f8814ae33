import { checkInterrupt } from "../core/interrupt.js";
import { type Tensor, tf, type Variable } from "../core/tf.js";

/** What training changes is a `tf.Variable`; everything else is frozen and gets no gradient. */
export const isTrainable = (tensor: Tensor | null | undefined): tensor is Variable => tensor instanceof tf.Variable;

/** True while tfjs records operations for a gradient. */
export const isRecording = (): boolean => (tf.engine() as unknown as { state: { gradientDepth: number } }).state.gradientDepth > 0;

type Saver = (tensors: Tensor[]) => void;

/**
 * An operation with a hand-written gradient. `forward` gets the inputs and a `save`; `backward` gets dy and what was saved and returns one
 * gradient for each input. Pass as inputs only what needs a gradient, and close over frozen weights: that is how they cost nothing.
 * Whatever `backward` uses and is not a weight must be saved, the inputs too: tfjs frees intermediate tensors after the forward pass.
 */
export function withGradient<Output extends Tensor>(
  inputs: Tensor[],
  forward: (save: Saver) => Output,
  backward: (dy: Output, saved: Tensor[]) => Tensor[],
): Output {
  const op = tf.customGrad((...args: unknown[]) => {
    const save = args.at(-1) as Saver;
    checkInterrupt();
    const value = forward(save);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      checkInterrupt();
      return backward(dy as Output, saved);
    };
    return { value, gradFunc };
  });
  return op(...inputs) as Output;
}

export type Gradients = { value: Tensor; grads: (Tensor | null | undefined)[] };

/**
 * The value of `f` and its gradient by each of `by`; none where `f` does not depend on it. `dy` is the gradient of what follows `f`, 1 if absent.
 * Call it within a tidy. Where `f` throws, what it saved for the way back is freed, which tfjs leaves undone.
 */
export function differentiate(f: () => Tensor, by: Tensor[], dy?: Tensor): Gradients {
  try {
    return tf.engine().gradients(f, by, dy, true) as unknown as Gradients;
  } catch (error) {
    const { state } = tf.engine() as unknown as { state: { gradientDepth: number; activeTape: { saved?: Tensor[] }[] | null } };
    if (state.gradientDepth === 0) {
      for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
      state.activeTape = null;
    }
    throw error;
  }
}
