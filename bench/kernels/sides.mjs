/** The kernels, how they are started, and the same cells in their languages. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { commandOf } from "../../dist/kernel/kernelspec.js";

/**
 * The kernels that are there. `scope` is "all" in an empty folder, "imports" in the project's, where packages can be imported; `missing`
 * says what was left out and why.
 */
export function findSides({ root, empty, python, deno }) {
  const sides = [];
  const missing = [];
  for (const [name, cells] of [
    ["eqlab", eqlab],
    ["tslab", tslab],
  ]) {
    const folder = join(root, ".venv/share/jupyter/kernels", name);
    if (!existsSync(join(folder, "kernel.json"))) {
      missing.push(`${name}: ${folder} is not there. Run \`npm run setup\`.`);
      continue;
    }
    const command = commandOf({ name, folder, spec: JSON.parse(readFileSync(join(folder, "kernel.json"), "utf8")) });
    sides.push({ name, scope: "all", command, folder: empty, cells });
    sides.push({ name: `${name}, project`, scope: "imports", command, folder: root, cells });
  }
  if (python) sides.push({ name: "ipykernel", scope: "all", command: ipykernel(python), folder: empty, cells: ipython });
  else missing.push("ipykernel: name a Python that has it in EQLAB_BENCH_PYTHON.");
  if (deno) {
    const command = { argv: [deno, "jupyter", "--kernel", "--conn", "{connection_file}"], interruptMode: "message" };
    sides.push({ name: "deno", scope: "all", command, folder: empty, cells: denoCells });
    sides.push({ name: "deno, project", scope: "imports", command, folder: root, cells: denoCells });
  } else missing.push("deno: name its binary in EQLAB_BENCH_DENO.");
  return { sides, missing };
}

const ipykernel = (python) => ({ argv: [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], interruptMode: "signal" });

const loops = (wait) => `const counter = globalThis as any;\ncounter.ticks = 0;\nwhile (true) { counter.ticks += 1; ${wait} }`;

const typescript = {
  small: (n) => `const x${n} = 1 + 1; x${n}`,
  print: (expression) => `console.log(${expression})`,
  lines: (count) => `for (let i = 0; i < ${count}; i++) console.log("line " + i);`,
  long: (size) => `console.log("x".repeat(${size}));`,
  keep: "let kept = 41;",
  loops: {
    "sync loop": "while (true) {}",
    "sync loop after an await": "await new Promise((resolve) => setTimeout(resolve, 10));\nwhile (true) {}",
    "async loop": loops("await new Promise((resolve) => setImmediate(resolve));"),
    "async loop, timers": loops("await new Promise((resolve) => setTimeout(resolve, 20));"),
  },
  ticks: "(globalThis as any).ticks",
  complete: (n) => `const y${n} = Math.`,
  inspect: "Math.max",
  imports: {
    "@tensorflow/tfjs": 'import * as tf from "@tensorflow/tfjs";\ntf.tensor([1, 2]).shape',
    eqlab: 'import * as lab from "eqlab";\ntypeof lab.addLora',
  },
  closure: ["let temperature = 0.7;\nfunction sample() { return temperature; }", "temperature = 1.5;\nconsole.log(sample())"],
  survive: ['let big = 41;\nthrow new Error("stop");', "console.log(big + 1)"],
  redeclare: ["const again = 1; class Again {}", "const again = 42; class Again { two = 2 }\nconsole.log(again)"],
  fail: "function fail(): number {\n  const bad: any = undefined;\n  return bad.length;\n}\nfail();",
  late: 'setTimeout(() => console.log("later"), 400);',
  failSoon: 'await new Promise((resolve) => setTimeout(resolve, 300));\nthrow new Error("stop");',
  unfinished: { complete: "const a = 1;", incomplete: "function f() {", invalid: "const a = ) 5;" },
  typed: { code: "interface Person { firstName: string }\nfunction greet(person: Person) { return person.fir", name: "firstName" },
  wrongType: { code: 'const wrong: number = "one";', words: "not assignable" },
  input: 'console.log("hello " + prompt("name? "))',
};

const eqlab = {
  ...typescript,
  update: 'const place = display("one");\nplace.update("two");',
  comm: `const comm = (globalThis as any)[Symbol.for("Jupyter.comms")].open("bench", { data: { n: 1 }, buffers: [new Uint8Array([1, 2, 3])] });
comm.onMessage(({ data, buffers }: any) => console.log("got", data.n, buffers[0].byteLength));`,
};

const tslab = {
  ...typescript,
  update: 'const place = require("tslab").newDisplay();\nplace.text("one");\nplace.text("two");',
};

const denoCells = {
  ...typescript,
  update: `await Deno.jupyter.display({ "text/plain": "one" }, { raw: true, display_id: "place" });
await Deno.jupyter.display({ "text/plain": "two" }, { raw: true, display_id: "place", update: true });`,
  comm: `await Deno.jupyter.broadcast("comm_open", { comm_id: "c1", target_name: "bench", data: { n: 1 } }, { buffers: [new Uint8Array([1, 2, 3])] });`,
};

const ipython = {
  small: (n) => `x${n} = 1 + 1; x${n}`,
  print: (expression) => `print(${expression})`,
  lines: (count) => `for i in range(${count}): print("line", i)`,
  long: (size) => `print("x" * ${size})`,
  keep: "kept = 41",
  loops: {
    "sync loop": "while True: pass",
    "sync loop after an await": "import asyncio\nawait asyncio.sleep(0.01)\nwhile True: pass",
    "async loop": "import asyncio\nticks = 0\nwhile True:\n    ticks += 1\n    await asyncio.sleep(0)",
    "async loop, timers": "import asyncio\nticks = 0\nwhile True:\n    ticks += 1\n    await asyncio.sleep(0.02)",
  },
  ticks: "ticks",
  complete: (n) => `import math\ny${n} = math.`,
  inspect: "max",
  imports: {},
  closure: ["temperature = 0.7\ndef sample(): return temperature", "temperature = 1.5\nprint(sample())"],
  survive: ['big = 41\nraise ValueError("stop")', "print(big + 1)"],
  redeclare: ["again = 1", "again = 42\nprint(again)"],
  fail: "def fail():\n  bad = None\n  return bad.length\n\nfail()",
  late: 'import threading\nthreading.Timer(0.4, lambda: print("later")).start()',
  failSoon: 'import time\ntime.sleep(0.3)\nraise ValueError("stop")',
  unfinished: { complete: "a = 1", incomplete: "def f():", invalid: "a = ) 5" },
  typed: { code: "def greet(person: str):\n    return person.upp", name: "upper" },
  input: 'print("hello", input("name? "))',
  update: 'place = display("one", display_id=True)\nplace.update("two")',
  comm: `from comm import create_comm
channel = create_comm(target_name="bench", data={"n": 1}, buffers=[b"123"])
channel.on_msg(lambda message: print("got", message["content"]["data"]["n"], len(message["buffers"][0])))`,
};
