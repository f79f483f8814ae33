import { expected, FormatError } from "../core/errors.js";
import type { FileSource } from "./source.js";

/** Reads a JSON object. @throws FormatError where the file is not JSON or not an object; NotFoundError where there is none. */
export async function readJson(source: FileSource, path: string): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await source.read(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${path} of ${source.name}: expected JSON, got an error: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new FormatError(expected(`${path} of ${source.name}`, "a JSON object", value));
}
