/** Says how a value looks in an error: short, quoted where it is text. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (typeof value === "object" && value !== null && "shape" in value) return `tensor [${(value as { shape: number[] }).shape.join(", ")}]`;
  if (typeof value === "number") return String(value);
  const text = typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The text of an error: `<thing>: expected <what>, got <value>`, then one sentence of remedy. */
export function expected(thing: string, what: string, got: unknown, remedy = ""): string {
  return `${thing}: expected ${what}, got ${shown(got)}${remedy && `. ${remedy}`}`;
}

/** Outside data that does not have the form it should have; trying again does not help. */
export class FormatError extends Error {
  override name = "FormatError";
}

/** A request that failed for now; it may be retried. `status` is 0 where no answer came. */
export class HttpError extends Error {
  override name = "HttpError";
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** A file or service that the caller asked for is not there. */
export class NotFoundError extends Error {
  override name = "NotFoundError";
}
