import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { homedir, platform } from "node:os";
import { basename, delimiter, dirname, isAbsolute, join, sep } from "node:path";
import type { KernelCommand } from "./client/process.js";
import type { Preload } from "./messages.js";
import { writeWhole } from "./write-file.js";

/** A kernel as Jupyter knows it: the content of a `kernel.json`. */
export type KernelSpec = {
  argv: string[];
  display_name: string;
  language: string;
  interrupt_mode?: "signal" | "message";
  env?: { [name: string]: string };
  metadata?: { [name: string]: unknown };
};

export type FoundSpec = {
  name: string;
  folder: string;
  spec: KernelSpec;
  /** Whether it starts a kernel of this project, of whatever copy. */
  ours: boolean;
  /** Files that it names and that are not there. */
  missing: string[];
};

export type Environment = { [name: string]: string | undefined };

/** Where Jupyter's data are: user's kernels are installed below it. */
export function userDataFolder(env: Environment = process.env): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  const home = env.HOME ?? homedir();
  if (platform() === "darwin") return join(home, "Library", "Jupyter");
  if (platform() === "win32") return env.APPDATA ? join(env.APPDATA, "jupyter") : join(home, ".jupyter", "data");
  return join(env.XDG_DATA_HOME || join(home, ".local", "share"), "jupyter");
}

/** Jupyter's data folders, the first one found wins. `prefixes`: Python environments that belong to the project. */
export function dataFolders(prefixes: string[] = [], env: Environment = process.env): string[] {
  const environments = [...prefixes, env.VIRTUAL_ENV, env.CONDA_PREFIX].filter((prefix) => prefix !== undefined && prefix !== "");
  const system = platform() === "win32" ? (env.PROGRAMDATA ? [join(env.PROGRAMDATA, "jupyter")] : []) : SYSTEM_FOLDERS;
  const folders = [
    ...(env.JUPYTER_PATH ?? "").split(delimiter).filter(Boolean),
    userDataFolder(env),
    ...environments.map((prefix) => join(prefix as string, "share", "jupyter")),
    ...system,
  ];
  return [...new Set(folders)];
}

const SYSTEM_FOLDERS = ["/usr/local/share/jupyter", "/usr/share/jupyter"];

/** The kernels in Jupyter's data folders; of one name the first. Folders without a readable `kernel.json` are passed over. */
export async function findKernelspecs(folders: string[]): Promise<FoundSpec[]> {
  const found = new Map<string, FoundSpec>();
  for (const data of folders) {
    const names = await readdir(join(data, "kernels")).catch(() => []);
    for (const name of names.sort()) {
      const folder = join(data, "kernels", name);
      const spec = await readSpec(folder);
      if (spec && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), describe(name.toLowerCase(), folder, spec));
    }
  }
  return [...found.values()];
}

async function readSpec(folder: string): Promise<KernelSpec | undefined> {
  try {
    const spec = JSON.parse(await readFile(join(folder, "kernel.json"), "utf8")) as Partial<KernelSpec>;
    if (!Array.isArray(spec.argv) || !spec.argv.every((argument) => typeof argument === "string")) return undefined;
    return { ...spec, argv: spec.argv, display_name: spec.display_name ?? basename(folder), language: spec.language ?? "" };
  } catch {
    return undefined;
  }
}

function describe(name: string, folder: string, spec: KernelSpec): FoundSpec {
  const missing = spec.argv.filter((argument) => isAbsolute(argument) && !existsSync(argument));
  return { name, folder, spec, ours: spec.argv.some((argument) => OURS.test(argument)), missing };
}

const OURS = /[\\/]kernels[\\/](eqlab[\\/]launch\.mjs|tslab[\\/]launch\.cjs)$/;

/** What starts a found kernel. A bare `python` is the one of the environment that the spec is installed in, as for Jupyter. */
export function commandOf({ spec, folder }: FoundSpec): KernelCommand {
  const prefix = folder.split(sep).slice(0, -4).join(sep);
  const python = join(prefix, platform() === "win32" ? "Scripts" : "bin", "python");
  const [program = "", ...args] = spec.argv;
  const own = /^python(3(\.\d+)?)?$/.test(program) && existsSync(python);
  const argv = [own ? python : program, ...args].map((argument) =>
    argument.replaceAll("{resource_dir}", folder).replaceAll("{prefix}", prefix),
  );
  return { argv, ...(spec.env && { env: spec.env }), interruptMode: spec.interrupt_mode ?? "signal" };
}

export type SpecOptions = {
  /** The kernel's launcher. */
  launcher: string;
  displayName?: string;
  preload?: Preload[];
  /** Type errors stop a cell. */
  strict?: boolean;
};

/** The `kernel.json` of our kernel, started by this very Node. */
export function kernelspec({ launcher, displayName = "TypeScript (eqlab)", preload = [], strict = false }: SpecOptions): KernelSpec {
  const preloads = preload.flatMap(({ name, specifier, member }) => [
    "--preload",
    `${name}=${specifier}${member === undefined ? "" : `#${member}`}`,
  ]);
  return {
    argv: [process.execPath, launcher, "{connection_file}", ...preloads, ...(strict ? ["--strict"] : [])],
    display_name: displayName,
    language: "typescript",
    interrupt_mode: "message",
    metadata: { debugger: false },
  };
}

/** Reads `name=specifier` or `name=specifier#member`. @throws RangeError */
export function parsePreload(text: string): Preload {
  const [, name, specifier, member] =
    /^([\p{ID_Start}$_][\p{ID_Continue}$]*)=([^#]+|#[^#]+)(?:#([\p{ID_Start}$_][\p{ID_Continue}$]*))?$/u.exec(text) ?? [];
  if (!name || !specifier) throw new RangeError(`--preload: expected name=specifier or name=specifier#member, got ${JSON.stringify(text)}`);
  return { name, specifier, ...(member !== undefined && { member }) };
}

/** Installs a kernel below a data folder, with the logos beside its launcher; one of ours in its place is replaced. @throws RangeError */
export async function installKernelspec(data: string, name: string, options: SpecOptions): Promise<string> {
  if (!/^[a-z0-9._-]+$/.test(name)) {
    throw new RangeError(`kernel name: expected lower-case letters, digits, ".", "_" and "-", got ${JSON.stringify(name)}`);
  }
  if (!existsSync(options.launcher)) throw new RangeError(`kernel install: expected the launcher ${options.launcher}, it is not there`);
  const folder = join(data, "kernels", name);
  const before = await readSpec(folder);
  if (before && !describe(name, folder, before).ours) {
    throw new RangeError(
      `kernel ${name}: expected a free name or a kernel of ours in ${folder}, got "${before.display_name}". Choose another --name.`,
    );
  }
  await mkdir(folder, { recursive: true });
  for (const logo of ["logo-svg.svg", "logo-64x64.png"]) {
    const from = join(dirname(options.launcher), logo);
    if (existsSync(from)) await copyFile(from, join(folder, logo));
  }
  await writeWhole(join(folder, "kernel.json"), `${JSON.stringify(kernelspec(options), null, 2)}\n`);
  return folder;
}

/** Removes an installed kernel of ours. @throws RangeError for any other one. */
export async function uninstallKernelspec(found: FoundSpec): Promise<void> {
  const { name, folder, ours, spec } = found;
  if (!ours)
    throw new RangeError(
      `kernel ${name}: expected one of ours, got "${spec.display_name}" in ${folder}. Use \`jupyter kernelspec uninstall\`.`,
    );
  const trash = `${folder}.removed-${process.pid}`; // a half-removed folder is no kernel
  await rename(folder, trash);
  await rm(trash, { recursive: true, force: true });
}
