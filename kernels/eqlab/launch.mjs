// Starts the eqlab kernel and watches over it: launch.mjs CONNECTION_FILE [--preload name=specifier#member]... [--strict] [--folder DIR]
// The kernel runs in a process of its own, so that a signal is heard while a cell holds its main thread. File descriptor 3 carries
// "i" (interrupt) and "t" (end) to it; when the pipe closes, the kernel knows that this process is gone and ends too.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/kernel/main.js", import.meta.url));
// Stopping JavaScript between two async contexts must not end the process.
const flags = ["--no-force-async-hooks-checks", ...process.execArgv];
const kernel = spawn(process.execPath, [...flags, main, ...process.argv.slice(2), "--supervised"], {
  stdio: ["inherit", "inherit", "inherit", "pipe"],
});
const pipe = kernel.stdio[3];
pipe.on("error", () => {}); // the kernel's end is told by "exit"
pipe.unref();

process.on("SIGINT", () => pipe.write("i"));
for (const signal of ["SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    pipe.write("t");
    setTimeout(() => kernel.kill("SIGKILL"), 3000).unref();
  });
}

// Jupyter names its own process; that may be another than the one that started this one.
const parent = process.ppid;
const named = Number(process.env.JPY_PARENT_PID);
const server = named > 1 && exists(named) ? named : undefined;
setInterval(() => {
  if (process.ppid !== parent || (server && !exists(server))) kernel.kill("SIGKILL");
}, 500).unref();

kernel.on("error", (error) => {
  console.error(`eqlab kernel: could not start ${main}: ${error.message}`);
  process.exit(1);
});
kernel.on("exit", (code, signal) => {
  if (!signal) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
