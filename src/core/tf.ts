/**
 * The one door to tfjs. The library is loaded on first use, so that importing eqlab costs nothing; `startEngine` picks the backend.
 */
import { createRequire } from "node:module";
import util from "node:util";
import type * as Tfjs from "@tensorflow/tfjs";

export type {
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  Variable,
} from "@tensorflow/tfjs";

export const require = createRequire(import.meta.url);

/** tfjs-node 4.22 uses two functions that Node 22 warns about and Node 23 removed. */
export function mendNode(): void {
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined = (value: unknown) => value == null;
  legacy.isArray = Array.isArray;
}

let loaded: typeof Tfjs | undefined;

function load(): typeof Tfjs {
  if (!loaded) {
    mendNode();
    loaded = require("@tensorflow/tfjs") as typeof Tfjs;
    onTermination(mendEngine);
  }
  return loaded;
}

/** A kernel that stops JavaScript in mid-flight calls the functions in this set afterwards; no `finally` has run. */
function onTermination(mend: () => void): void {
  const hooks = globalThis as { [name: symbol]: Set<() => void> | undefined };
  const name = Symbol.for("Jupyter.terminated");
  hooks[name] ??= new Set();
  hooks[name].add(mend);
}

type EngineState = { scopeStack: unknown[]; gradientDepth: number; kernelDepth: number; numDataMovesStack: number[]; activeTape: unknown };

/** Ends the scopes and the gradient that were open, so that what they held is freed and later operations are not recorded on a dead tape. */
function mendEngine(): void {
  const engine = load().engine();
  const state = engine.state as unknown as EngineState;
  while (state.scopeStack.length > 0) engine.endScope();
  Object.assign(state, { gradientDepth: 0, kernelDepth: 0, numDataMovesStack: [], activeTape: undefined });
}

/** The types of tfjs under the same name, so that cells can write `tf.Tensor`. */
export declare namespace tf {
  export type Tensor = Tfjs.Tensor;
  export type Scalar = Tfjs.Scalar;
  export type Tensor1D = Tfjs.Tensor1D;
  export type Tensor2D = Tfjs.Tensor2D;
  export type Tensor3D = Tfjs.Tensor3D;
  export type Tensor4D = Tfjs.Tensor4D;
  export type Variable = Tfjs.Variable;
  export type TensorLike = Tfjs.TensorLike;
  export type DataType = Tfjs.DataType;
}

let firstUse: (() => void) | undefined;

/** What happens before anybody uses `tf`; an engine that is started by then keeps tfjs from taking its slowest one. */
export function beforeFirstUse(start: () => void): void {
  firstUse = start;
}

/** All of tfjs, typed. */
export const tf: typeof Tfjs = new Proxy({} as typeof Tfjs, {
  get(_, name) {
    const start = firstUse;
    firstUse = undefined;
    start?.();
    return load()[name as keyof typeof Tfjs];
  },
  has: (_, name) => name in load(),
  ownKeys: () => Reflect.ownKeys(load()),
  getOwnPropertyDescriptor: (_, name) => ({ value: load()[name as keyof typeof Tfjs], enumerable: true, configurable: true }),
});
