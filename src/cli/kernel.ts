import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  dataFolders,
  findKernelspecs,
  installKernelspec,
  parsePreload,
  type SpecOptions,
  uninstallKernelspec,
  userDataFolder,
} from "../kernel/kernelspec.js";
import { root, venv } from "../setup/paths.mjs";

export const HELP = `eqlab kernel: the TypeScript kernel for Jupyter

  eqlab kernel install [--user | --prefix DIR] [--name eqlab] [--display-name TEXT] [--preload NAME=SPECIFIER[#MEMBER]]... [--strict]
      Makes it known to Jupyter: for this user (default), or below a prefix, e.g. a virtual environment.
      --preload   a value that every cell sees without an import; more than the library's own eq, tf and progress
      --strict    type errors stop a cell
  eqlab kernel list
      The kernels that Jupyter can find here, and whether their files are there.
  eqlab kernel uninstall [--user | --prefix DIR] [--name eqlab]
      Removes it; other projects' kernels are refused.`;

export const LAUNCHER = join(root, "kernels", "eqlab", "launch.mjs");
/** What cells see of the library without an import. */
export const PRELOAD = ["eq=eqlab", "tf=eqlab#tf", "progress=eqlab#progress"];

/** `eqlab kernel install | list | uninstall`. @throws RangeError for what it cannot understand or must not do. */
export async function kernel(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      user: { type: "boolean", default: false },
      prefix: { type: "string" },
      name: { type: "string", default: "eqlab" },
      "display-name": { type: "string" },
      preload: { type: "string", multiple: true, default: [] },
      strict: { type: "boolean", default: false },
    },
  });
  const [action, ...rest] = positionals;
  if (rest.length > 0 || !action || !["install", "list", "uninstall"].includes(action)) {
    throw new RangeError(`expected install, list or uninstall, got "${positionals.join(" ")}".\n\n${HELP}`);
  }
  if (values.user && values.prefix !== undefined) throw new RangeError("expected --user or --prefix, got both");
  const data = values.prefix === undefined ? userDataFolder() : join(resolve(values.prefix), "share", "jupyter");
  if (action === "install") {
    const options: SpecOptions = {
      launcher: LAUNCHER,
      preload: [...PRELOAD, ...values.preload].map(parsePreload),
      strict: values.strict,
      ...(values["display-name"] !== undefined && { displayName: values["display-name"] }),
    };
    console.log(`Installed ${values.name} in ${await installKernelspec(data, values.name, options)}`);
    const folders = dataFolders([venv]);
    if (!folders.includes(data))
      console.log(`Jupyter looks there if it runs in ${resolve(values.prefix ?? "")}, or with JUPYTER_PATH=${data}`);
  } else if (action === "uninstall") await uninstall(data, values.name);
  else await list();
}

async function uninstall(data: string, name: string): Promise<void> {
  const found = (await findKernelspecs([data])).find((spec) => spec.name === name.toLowerCase());
  if (!found) throw new RangeError(`kernel ${name}: expected one in ${join(data, "kernels")}, there is none. See \`eqlab kernel list\`.`);
  await uninstallKernelspec(found);
  console.log(`Removed ${found.folder}`);
}

async function list(): Promise<void> {
  const found = await findKernelspecs(dataFolders([venv]));
  if (found.length === 0) console.log("Jupyter knows no kernel here. `eqlab kernel install` adds ours.");
  const width = Math.max(...found.map(({ name }) => name.length));
  for (const { name, folder, spec, ours, missing } of found) {
    const state = missing.length > 0 ? `BROKEN: missing ${missing.join(", ")}` : "ready";
    console.log(
      `${name.padEnd(width)}  ${spec.display_name}${ours ? `, TypeScript kernel of eqlab, ${state}` : missing.length > 0 ? `, ${state}` : ""}`,
    );
    console.log(`${" ".repeat(width)}  ${folder}`);
  }
}
