import { expected, FormatError } from "../core/errors.js";

/** Readers for the fields of a Hugging Face `config.json`; each checks the type, and uses `fallback` where the field is absent or null. */
export function configReader(raw: Record<string, unknown>) {
  const read = (name: string, kind: "number" | "string" | "boolean", fallback: unknown): unknown => {
    const value = raw[name] ?? fallback;
    if (typeof value === kind) return value;
    throw new FormatError(expected(`config.json "${name}"`, `a ${kind}`, raw[name]));
  };
  const integer = (name: string, fallback?: number): number => {
    const value = read(name, "number", fallback) as number;
    if (!Number.isInteger(value) || value < 1)
      throw new FormatError(expected(`config.json "${name}"`, "a whole number, at least 1", value));
    return value;
  };
  return {
    integer,
    number: (name: string, fallback?: number) => read(name, "number", fallback) as number,
    text: (name: string, fallback?: string) => read(name, "string", fallback) as string,
    flag: (name: string, fallback?: boolean) => read(name, "boolean", fallback) as boolean,
  };
}
