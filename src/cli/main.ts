#!/usr/bin/env node
import * as demo from "./demo.js";
import * as doctor from "./doctor.js";
import * as eqbench from "./eqbench.js";
import * as kernel from "./kernel.js";
import * as report from "./report.js";
import * as run from "./run.js";

type Command = { run: (args: string[]) => Promise<void>; about: string; help: string };

const COMMANDS: Record<string, Command> = {
  demo: { run: demo.demo, about: "run the four notebooks", help: demo.HELP },
  doctor: { run: doctor.doctor, about: "engine, speed, memory, versions, kernels", help: doctor.HELP },
  report: { run: report.report, about: "one page of a results folder", help: report.HELP },
  run: { run: run.run, about: "execute one notebook, without Python", help: run.HELP },
  eqbench: { run: eqbench.eqbench, about: "EQ-Bench of anybody's answers, or of a model", help: eqbench.HELP },
  kernel: { run: kernel.kernel, about: "the TypeScript kernel in Jupyter", help: kernel.HELP },
};

const OVERVIEW = `Commands:
${Object.entries(COMMANDS)
  .map(([name, { about }]) => `  eqlab ${name.padEnd(10)}${about}`)
  .join("\n")}

\`eqlab COMMAND --help\` says more of each.`;

const asksForHelp = (word: string | undefined): boolean => word === "--help" || word === "-h";

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (asksForHelp(name) || name === "help") console.log(COMMANDS[args[0] ?? ""]?.help ?? OVERVIEW);
else if (!command) {
  console.error(`eqlab: expected a command, got "${name}". ${OVERVIEW}`);
  process.exitCode = 2;
} else if (args.some(asksForHelp)) console.log(command.help);
else await attempt(command);

async function attempt(command: Command): Promise<void> {
  try {
    await command.run(args);
  } catch (error) {
    const { message, code = "", stack } = error as Error & { code?: string };
    console.error(`eqlab ${name}: ${message}${code.startsWith("ERR_PARSE_ARGS") ? `\n\n${command.help}` : ""}`);
    if (process.env.EQLAB_TRACE) console.error(stack);
    process.exitCode = 1;
  }
}
