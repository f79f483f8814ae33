import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

/** Something unfinished beside its target. `abandoned`: its process has ended, or gave it up. */
export type Leftover = { path: string; end: string; abandoned: boolean };

/**
 * A new name in the target's own folder, hidden, that says which process of which machine made it: `.name.<machine>-<process>-<random>.<end>`.
 * With `givenUp` it belongs to nobody and the next writer may take it.
 */
export function temporaryName(target: string, end: string, givenUp = false): string {
  const owner = `${machine()}-${givenUp ? 0 : process.pid}-${randomBytes(4).toString("hex")}`;
  return join(dirname(target), `${prefix(target)}${owner}.${end}`);
}

/** What writers of `target` have beside it under a `temporaryName`. */
export async function leftovers(target: string): Promise<Leftover[]> {
  const start = prefix(target);
  const names = await readdir(dirname(target)).catch(() => []);
  return names.flatMap((name) => {
    const parts = name.startsWith(start) && /^([a-z0-9]*)-(\d+)-[0-9a-f]{8}\.([a-z]+)$/i.exec(name.slice(start.length));
    if (!parts) return [];
    const [, host, pid, end = ""] = parts;
    return { path: join(dirname(target), name), end, abandoned: pid === "0" || (host === machine() && !isAlive(Number(pid))) };
  });
}

/** Names have at most 255 bytes: a long one is represented by its hash. */
function prefix(target: string): string {
  const name = basename(target);
  return `.${Buffer.byteLength(name) > 120 ? createHash("sha256").update(name).digest("hex") : name}.`;
}

const machine = () =>
  hostname()
    .replace(/[^a-z0-9]/gi, "")
    .slice(0, 40);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
