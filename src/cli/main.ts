#!/usr/bin/env node
import { demo } from "./demo.js";
import { doctor } from "./doctor.js";
import { eqbench } from "./eqbench.js";
import { kernel } from "./kernel.js";
import { report } from "./report.js";
import { run } from "./run.js";

const COMMANDS: Record<string, { run: (args: string[]) => Promise<void>; help: string }> = {
  demo: { run: demo, help: "demo [--out DIR] [--data DIR] [--model DIR|ID] [--kernel NAME]   run the four notebooks" },
  doctor: { run: doctor, help: "doctor [--json]                                              engine, speed, memory, versions, kernels" },
  report: { run: report, help: "report [--out DIR] [--to FILE.html]                            one page of a results folder" },
  run: { run, help: "run NOTEBOOK -o OUT [-p NAME=VALUE] [--kernel NAME]          execute one notebook, without Python" },
  eqbench: { run: eqbench, help: "eqbench score | run                                          EQ-Bench of answers, or of a model" },
  kernel: { run: kernel, help: "kernel install | list | uninstall                            the TypeScript kernel in Jupyter" },
};

const [name = "", ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) {
  console.error(
    `eqlab: expected a command, got "${name}". Commands:\n${Object.values(COMMANDS)
      .map(({ help }) => `  eqlab ${help}`)
      .join("\n")}`,
  );
  process.exitCode = 2;
} else {
  try {
    await command.run(args);
  } catch (error) {
    console.error(`eqlab ${name}: ${(error as Error).message}`);
    if (process.env.EQLAB_TRACE) console.error((error as Error).stack);
    process.exitCode = 1;
  }
}
