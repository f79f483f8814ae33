import { Session } from "node:inspector";
import { promiseHooks } from "node:v8";

export type Evaluation =
  /** Settles when the cell's code has come to its end; never, where an interrupt hit it after an await. */
  | { kind: "running"; promise: Promise<unknown> }
  /** The code does not compile, e.g. because it declares a name that stands for something else. */
  | { kind: "refused"; message: string; line: number; column: number }
  /** Cut off by an interrupt before its first await. */
  | { kind: "terminated" };

export type Evaluator = {
  /** Runs `code` in V8's REPL mode under the script name `name`: top-level await, and declarations that later code sees and may make anew. */
  evaluate(code: string, name: string): Evaluation;
};

/**
 * Through the inspector, the only door to REPL mode. Results and errors come as the values themselves, because the promise of the code is
 * caught when V8 makes it. Two things depend on that: errors keep their identity, and the promise is held for as long as the inspector
 * waits for it. It must not be collected before: the inspector would call JavaScript from the garbage collector, which ends the process.
 */
export function createEvaluator(): Evaluator {
  const session = new Session();
  session.connect();
  const held = new Set<Promise<unknown>>();

  return {
    evaluate(code, name) {
      let promise: Promise<unknown> | undefined;
      let early: { error: Error | null; details: Details | undefined } | undefined;
      const stop = promiseHooks.onInit((made: Promise<unknown>) => {
        promise ??= made;
        held.add(promise);
        stop();
      });
      try {
        const expression = `${code}\n//# sourceURL=${name}`;
        const options = { expression, replMode: true, awaitPromise: true, objectGroup: name, silent: true };
        session.post("Runtime.evaluate", options, (error, reply) => {
          early = { error, details: (reply as Reply | undefined)?.exceptionDetails };
          if (promise) held.delete(promise);
          session.post("Runtime.releaseObjectGroup", { objectGroup: name });
        });
      } finally {
        stop();
      }
      if (promise && !early) return { kind: "running", promise };
      if (early?.details && !promise) return refusal(early.details);
      return { kind: "terminated" };
    },
  };
}

type Reply = { exceptionDetails?: Details };
type Details = { text: string; lineNumber: number; columnNumber: number; exception?: { description?: string } };

function refusal({ text, lineNumber, columnNumber, exception }: Details): Evaluation {
  const message = (exception?.description ?? text).split("\n    at ")[0]!.replace(/^SyntaxError: /, "");
  return { kind: "refused", message, line: lineNumber + 1, column: columnNumber + 1 };
}
