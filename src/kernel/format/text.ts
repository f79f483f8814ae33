/** The text of any value: what `console.log` would print, within limits of depth, items and characters. */
import { fileURLToPath, URL } from "node:url";
import { inspect, types } from "node:util";
import { whole } from "./html.js";

/** Levels of nesting, items of one container, containers and values in all, characters. */
const DEPTH = 4;
const ITEMS = 100;
const NODES = 2000;
const CHARACTERS = 20_000;

/** Never throws: what a value's own code throws while it is looked at becomes the text. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value === "" ? "''" : cutText(value);
  try {
    if (value instanceof URL) return value.href;
    if (types.isNativeError(value)) return cutText(errorText(value));
    if (typeof value === "object" && value !== null && !types.isProxy(value)) {
      const keys = extraKeys(value);
      if (keys) return `${cutText(print(firstKeys(value, keys.shown)))}\n… ${count(keys.left)} more properties`;
    }
    return cutText(print(value));
  } catch (error) {
    return `(a value that cannot be shown: ${messageOf(error)})`;
  }
}

/** Name and message of whatever was thrown; never throws. */
export function messageOf(error: unknown): string {
  try {
    return cutText(types.isNativeError(error) || error instanceof Error ? `${error.name}: ${error.message}` : print(error), 2000);
  } catch {
    return "an error that cannot be shown";
  }
}

export const count = (value: number): string => value.toLocaleString("en-US");

/** At most `limit` characters, and a line that says how many were cut. */
export function cutText(text: string, limit = CHARACTERS): string {
  if (text.length <= limit) return text;
  const kept = whole(text, limit);
  return `${kept}\n… ${count(text.length - kept.length)} more characters`;
}

function print(value: unknown): string {
  const options = { maxArrayLength: ITEMS, maxStringLength: CHARACTERS / 2, breakLength: 120, depth: depthFor(value) };
  try {
    return inspect(value, options);
  } catch {
    return inspect(value, { ...options, customInspect: false });
  }
}

/** Where the kernel's own files are, as stacks name them. */
const KERNEL = [new URL("..", import.meta.url).href, fileURLToPath(new URL("..", import.meta.url))];

/** The stack without the kernel's and Node's own frames. */
function errorText(error: Error): string {
  const lines = print(error).split("\n");
  const own = (line: string): boolean => /^\s+at /.test(line) && (/[( ]node:/.test(line) || KERNEL.some((place) => line.includes(place)));
  const kept: string[] = [];
  for (const line of lines) {
    if (!own(line)) kept.push(line);
    else if (line.endsWith(" {")) kept.push(`${kept.pop() ?? ""} {`);
  }
  return kept.join("\n");
}

/**
 * The deepest printing that stays within `NODES` values: `inspect` limits what it shows of one container, not of all together. What a
 * proxy hides is not looked at, so that its traps do not run; it may be large.
 */
function depthFor(value: unknown): number {
  let level = [value];
  const seen = new Set<unknown>();
  let total = 0;
  let proxies = false;
  for (let depth = 0; depth <= DEPTH + 1 && level.length; depth++) {
    const next: unknown[] = [];
    for (const one of level) {
      if (++total > NODES) return Math.max(0, depth - 2);
      if (typeof one !== "object" || one === null || seen.has(one)) continue;
      seen.add(one);
      if (types.isProxy(one)) proxies = true;
      else if (!children(one, next)) return Math.max(0, depth - 1);
    }
    level = next;
  }
  return proxies ? Math.min(DEPTH, 2) : DEPTH;
}

/** Adds the values that `inspect` would print inside `value`; false where a container has more properties than are shown. */
function children(value: object, into: unknown[]): boolean {
  if (ArrayBuffer.isView(value)) return true;
  if (types.isMap(value) || types.isSet(value)) {
    let left = ITEMS;
    for (const entry of types.isMap(value) ? Map.prototype.entries.call(value) : Set.prototype.values.call(value)) {
      if (!left--) break;
      if (types.isMap(value)) into.push(...(entry as [unknown, unknown]));
      else into.push(entry);
    }
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < Math.min(value.length, ITEMS); i++) into.push(Object.getOwnPropertyDescriptor(value, i)?.value);
    return true;
  }
  const keys = Object.keys(value);
  for (const key of keys.slice(0, ITEMS)) into.push(Object.getOwnPropertyDescriptor(value, key)?.value);
  return keys.length <= ITEMS;
}

function extraKeys(value: object): { shown: string[]; left: number } | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || types.isMap(value) || types.isSet(value)) return undefined;
  const keys = Object.keys(value);
  return keys.length > ITEMS ? { shown: keys.slice(0, ITEMS), left: keys.length - ITEMS } : undefined;
}

/** A copy with the first properties; getters stay getters. */
function firstKeys(value: object, keys: string[]): object {
  const copy = Object.create(Object.getPrototypeOf(value)) as object;
  for (const key of keys) Object.defineProperty(copy, key, Object.getOwnPropertyDescriptor(value, key)!);
  return copy;
}
