/** Cells as the kernel runs them, in this process: transformed, then evaluated in V8's REPL mode. */
import { type Runtime, Session } from "node:inspector";
import { createRequire } from "node:module";
import { transformCell } from "../../src/kernel/transform.js";

export type Kernel = {
  last: unknown;
  import(specifier: string): Promise<unknown>;
  wait(value: unknown): unknown;
  iterate(source: unknown): unknown;
};

/** Puts `__kernel` on `globalThis`; `calls` collects what cells asked of it. */
export function installKernel(): { kernel: Kernel; calls: string[] } {
  const calls: string[] = [];
  const note = <T>(name: string, value: T): T => {
    calls.push(name);
    return value;
  };
  const kernel: Kernel = {
    last: undefined,
    import: (specifier) => note(`import ${specifier}`, import(specifier)),
    wait: (value) => note("wait", value),
    iterate: (source) => note("iterate", source),
  };
  Object.defineProperty(globalThis, "__kernel", { configurable: true, value: kernel });
  Object.assign(globalThis, { require: createRequire(import.meta.url) });
  return { kernel, calls };
}

let session: Session | undefined;
let cells = 0;

export type Ran = { value: unknown; error?: Error; code: string; map: string };

/** The value of a cell; an error that it throws is given back as `error`. */
export async function runCell(source: string): Promise<Ran> {
  const transformed = transformCell(source, { name: "cell.ts", folder: "/notebooks" });
  if (transformed.kind === "syntax") throw new SyntaxError(JSON.stringify(transformed.diagnostics));
  if (!session) {
    session = new Session();
    session.connect();
  }
  const kernel = (globalThis as unknown as { __kernel: Kernel }).__kernel;
  kernel.last = undefined;
  cells += 1;
  const expression = `${transformed.code}\n//# sourceURL=cell-${cells}.js`;
  const thrown = await new Promise<Error | undefined>((resolve) => {
    session!.post("Runtime.evaluate", { expression, replMode: true, awaitPromise: true }, (failed: Error | null, answer?: object) => {
      const reply = answer as Runtime.EvaluateReturnType | undefined;
      const description = reply?.exceptionDetails?.exception?.description ?? reply?.exceptionDetails?.text;
      const error = failed ?? (description === undefined ? undefined : new Error(description.split("\n")[0]));
      if (error && description !== undefined) error.stack = description;
      resolve(error);
    });
  });
  return { value: kernel.last, code: transformed.code, map: transformed.map, ...(thrown && { error: thrown }) };
}

/** The values of cells that run one after the other; throws what a cell throws. */
export async function values(...sources: string[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const source of sources) {
    const { value, error, code } = await runCell(source);
    if (error) throw new Error(`${error.stack}\n${code}`);
    found.push(value);
  }
  return found;
}

/** The value of the last cell. */
export const resultOf = async (...sources: string[]): Promise<unknown> => (await values(...sources)).at(-1);
