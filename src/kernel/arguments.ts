import { resolve } from "node:path";
import type { KernelOptions, Preload } from "./messages.js";

export type KernelArguments = KernelOptions & { connectionFile: string; supervised: boolean };

/** Reads the kernel's command line. @throws RangeError where an argument is not understood. */
export function readArguments(args: readonly string[], workingFolder: string): KernelArguments {
  const result = { connectionFile: "", supervised: false, folder: workingFolder, preload: [] as Preload[], strict: false };
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === "--strict") result.strict = true;
    else if (argument === "--supervised") result.supervised = true;
    else if (argument === "--folder") result.folder = resolve(workingFolder, value(argument, rest));
    else if (argument === "--preload") result.preload.push(readPreload(value(argument, rest)));
    else if (argument.startsWith("--")) throw new RangeError(`kernel: expected --preload, --strict or --folder, got ${argument}`);
    else result.connectionFile = resolve(workingFolder, argument);
  }
  if (!result.connectionFile)
    throw new RangeError("kernel: expected a connection file, got none. Jupyter names it when it starts the kernel");
  return result;
}

function value(name: string, rest: string[]): string {
  const next = rest.shift();
  if (next === undefined) throw new RangeError(`kernel: expected a value after ${name}, got none`);
  return next;
}

/** `name=specifier` or `name=specifier#member`; a specifier that itself starts with "#" keeps it. */
function readPreload(text: string): Preload {
  const match = /^([A-Za-z_$][\w$]*)=(#?[^#]+)(?:#([A-Za-z_$][\w$]*))?$/.exec(text);
  if (!match) throw new RangeError(`--preload: expected name=specifier or name=specifier#member, got ${text}`);
  const [, name = "", specifier = "", member] = match;
  return member === undefined ? { name, specifier } : { name, specifier, member };
}
