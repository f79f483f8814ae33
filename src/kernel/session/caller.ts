import { cellName } from "./cells.js";

const { captureStackTrace } = Error;
const own = Error;

/** Whether code of a cell itself called `callee`: neither a library nor Node. About a microsecond. */
export function calledFromCell(callee: (...values: never[]) => unknown): boolean {
  const { stackTraceLimit, prepareStackTrace } = own;
  const holder: { stack?: unknown } = {};
  try {
    own.stackTraceLimit = 1;
    own.prepareStackTrace = (_, [site]) => (site as { getScriptNameOrSourceURL?(): string } | undefined)?.getScriptNameOrSourceURL?.();
    captureStackTrace(holder, callee);
    return cellName.test(String(holder.stack));
  } finally {
    own.stackTraceLimit = stackTraceLimit;
    own.prepareStackTrace = prepareStackTrace;
  }
}
