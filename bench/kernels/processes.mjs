/** What the system says of a kernel's processes; read from /proc, so on Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** The living processes that descend from `pid` or belong to its process group, itself included. */
export function treeOf(pid) {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processOf(Number(name)))
    .filter((found) => found !== undefined);
  const tree = new Set(all.filter((each) => each.pid === pid || each.group === pid).map((each) => each.pid));
  for (let before = -1; before !== tree.size; ) {
    before = tree.size;
    for (const each of all) if (tree.has(each.parent)) tree.add(each.pid);
  }
  return [...tree];
}

/** Bytes of memory that the processes hold; pages that several share count several times. */
export function memoryOf(pids) {
  return pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
}

/** False for one that is gone or has ended and only waits for its parent to notice. */
export function isAlive(pid) {
  return processOf(pid) !== undefined;
}

function processOf(pid) {
  const text = read(`/proc/${pid}/stat`);
  if (!text) return undefined;
  const [state, parent, group] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? undefined : { pid, parent: Number(parent), group: Number(group) };
}

function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1] ?? 0) * 1024;
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // it has ended
  }
}
