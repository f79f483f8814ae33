import { basename, dirname, resolve } from "node:path";
import { parseArgs, stripVTControlCharacters } from "node:util";
import type { KernelCommand } from "../kernel/client/process.js";
import { commandOf, dataFolders, findKernelspecs, type KernelSpec, kernelspec, parsePreload } from "../kernel/kernelspec.js";
import { type Notebook, readNotebook } from "../kernel/notebook/file.js";
import { injectParameters, type Parameters, parseParameter, readParameters } from "../kernel/notebook/parameters.js";
import { CellFailed, type RunOptions, type RunSummary, runNotebook } from "../kernel/run-notebook.js";
import { venv } from "../setup/paths.mjs";
import { LAUNCHER, PRELOAD } from "./kernel.js";

export const HELP = `eqlab run: executes a notebook, without Python

  eqlab run NOTEBOOK.ipynb -o OUT.ipynb [-p NAME=VALUE]... [-f PARAMETERS.json] [--kernel eqlab|tslab|NAME]
  -o, --output      where the executed notebook goes; it may be the notebook itself. Saved also when a cell fails, and every 30 s
  -p, --parameter   a value for a variable of the cell tagged "parameters": JSON, or text as it stands
  -f, --file        parameters from a JSON object; -p wins
  -k, --kernel      the notebook's own kernel unless told, else eqlab
      --folder      where the kernel works and imports are looked for; the notebook's folder unless told
      --timeout     how many seconds one cell may take
      --allow-errors  goes on after a cell that failed`;

/** `eqlab run`: executes one notebook and tells its progress. @throws RangeError for bad arguments, CellFailed where a cell fails. */
export async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      output: { type: "string", short: "o" },
      parameter: { type: "string", short: "p", multiple: true, default: [] },
      file: { type: "string", short: "f" },
      kernel: { type: "string", short: "k" },
      folder: { type: "string" },
      timeout: { type: "string" },
      "allow-errors": { type: "boolean", default: false },
    },
  });
  const [source, ...rest] = positionals;
  if (!source || rest.length > 0) throw new RangeError(`expected one notebook, got ${positionals.length}.\n\n${HELP}`);
  if (!values.output) throw new RangeError("expected -o OUT.ipynb: where the executed notebook goes");
  const timeoutSeconds = values.timeout === undefined ? undefined : Number(values.timeout);
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0))
    throw new RangeError(`--timeout: expected seconds above 0, got ${values.timeout}`);
  const notebook = await readNotebook(source);
  const parameters: Parameters = {
    ...(values.file !== undefined && (await readParameters(values.file))),
    ...Object.fromEntries(values.parameter.map(parseParameter)),
  };
  const target = resolve(values.output);
  const folder = resolve(values.folder ?? dirname(source));
  const summary = await execute(notebook, {
    kernel: values.kernel,
    parameters,
    target,
    folder,
    allowErrors: values["allow-errors"],
    timeoutSeconds,
  });
  if (!summary) return console.error(`Interrupted. ${target} is saved as far as it came.`);
  const failed = summary.failed > 0 ? `, ${summary.failed} of them with an error,` : "";
  console.log(`${basename(target)}: ${summary.cells} cells${failed} in ${summary.seconds.toFixed(0)} s`);
}

export type ExecuteOptions = Pick<RunOptions, "target" | "folder" | "env" | "allowErrors" | "timeoutSeconds"> & {
  /** The notebook's own unless told, else eqlab. */
  kernel?: string | undefined;
  parameters?: Parameters;
};

/** Executes a notebook in a kernel that is found by name and tells its progress; undefined where Ctrl-C stopped it. @throws CellFailed, RangeError */
export async function execute(
  notebook: Notebook,
  { kernel, parameters = {}, ...options }: ExecuteOptions,
): Promise<RunSummary | undefined> {
  const { name, spec, command } = await chooseKernel(notebook, kernel);
  if (Object.keys(parameters).length > 0) await injectParameters(notebook, parameters, spec.language);
  const kernelspec = { name, display_name: spec.display_name, language: spec.language };
  const onText = (text: string) => process.stderr.write(text);
  return interruptible((signal) => runNotebook(notebook, { ...options, command, kernelspec, say, onText, signal }));
}

/** What a cell printed goes to the terminal with its colours, to a file without them. */
function say(line: string): void {
  console.log(process.stdout.isTTY ? line : stripVTControlCharacters(line));
}

type Chosen = { name: string; spec: KernelSpec; command: KernelCommand };

/** The kernel that was asked for, or the notebook's own, or ours, which needs no installation. @throws RangeError */
async function chooseKernel(notebook: Notebook, asked: string | undefined): Promise<Chosen> {
  const found = await findKernelspecs(dataFolders([venv]));
  const own = notebook.metadata.kernelspec?.name;
  for (const name of asked === undefined ? [own, "eqlab"] : [asked]) {
    const match = found.find((candidate) => candidate.name === name?.toLowerCase());
    if (match && (match.missing.length === 0 || name !== "eqlab")) return { name: match.name, spec: match.spec, command: commandOf(match) };
  }
  if (asked !== undefined && asked !== "eqlab") {
    const names = [...new Set([...found.map(({ name }) => name), "eqlab"])].join(", ");
    throw new RangeError(`--kernel: expected one of ${names}, got ${asked}`);
  }
  const spec = kernelspec({ launcher: LAUNCHER, preload: PRELOAD.map(parsePreload) });
  return { name: "eqlab", spec, command: { argv: spec.argv, interruptMode: "message" } };
}

/** Runs until done, or until Ctrl-C or a request to end; then undefined, with the exit code that a shell gives. A second Ctrl-C ends at once. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  const controller = new AbortController();
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
  const stops = Object.entries(codes).map(([name, code]) => {
    const stop = (): void => {
      if (controller.signal.aborted) process.exit(code); // kernels die with this process
      process.exitCode = code;
      controller.abort();
    };
    process.on(name, stop);
    return () => process.off(name, stop);
  });
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) return undefined;
    if (error instanceof CellFailed && !process.stderr.isTTY) error.message = stripVTControlCharacters(error.message);
    throw error;
  } finally {
    for (const stop of stops) stop();
  }
}
