import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { kernel } from "../../src/cli/kernel.js";
import { run } from "../../src/cli/run.js";
import { childRunner, ended } from "../child.js";
import { temporaryFolder } from "../temporary-folder.js";
import { fakeCommand } from "./fake.js";

const before = { ...process.env };
let folder: string;
let printed: string[];

beforeEach(() => {
  folder = temporaryFolder();
  const spec = join(folder, "kernels", "fake");
  mkdirSync(spec, { recursive: true });
  writeFileSync(
    join(spec, "kernel.json"),
    JSON.stringify({ argv: fakeCommand.argv, interrupt_mode: "message", display_name: "Fake", language: "typescript" }),
  );
  Object.assign(process.env, { JUPYTER_PATH: folder, JUPYTER_DATA_DIR: join(folder, "user") });
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const name of ["JUPYTER_PATH", "JUPYTER_DATA_DIR"]) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

function notebook(kernelName: string | undefined, ...cells: { source: string; tags?: string[] }[]): string {
  const file = join(folder, "in.ipynb");
  const content = {
    cells: cells.map(({ source, tags = [] }, i) => {
      return { cell_type: "code", id: `c${i}`, source, metadata: { tags }, execution_count: null, outputs: [] };
    }),
    metadata: kernelName === undefined ? {} : { kernelspec: { name: kernelName, display_name: "x", language: "typescript" } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  writeFileSync(file, JSON.stringify(content));
  return file;
}

type Saved = {
  cells: { source: string | string[]; outputs: { text?: string[]; data?: { "text/plain": string[] } }[] }[];
  metadata: { kernelspec: object };
};

const saved = (): Saved => JSON.parse(readFileSync(join(folder, "out.ipynb"), "utf8")) as Saved;
const shown = (): string[] =>
  saved().cells.map(({ outputs }) => outputs.map(({ text, data }) => (text ?? data?.["text/plain"] ?? []).join("")).join(""));
const say = (code: string) => ({ source: `send("stream", { name: "stdout", text: ${code} })` });

describe("eqlab run", () => {
  it("takes the notebook's own kernel, and says what it did", async () => {
    await run([notebook("fake", say(`"hello"`)), "-o", join(folder, "out.ipynb")]);
    expect(shown()).toEqual(["hello"]);
    expect(saved().metadata.kernelspec).toEqual({ name: "fake", display_name: "Fake", language: "typescript" });
    expect(printed.at(-1)).toMatch(/^out\.ipynb: 1 cells in \d+ s$/);
  });

  it("puts parameters in, those of the command over those of the file", async () => {
    const file = join(folder, "p.json");
    writeFileSync(file, '{"a": 1, "b": 1}');
    const cells = [{ source: "let a = 0, b = 0;", tags: ["parameters"] }, { source: "" }];
    await run([notebook("fake", ...cells), "-o", join(folder, "out.ipynb"), "-f", file, "-p", "b=2", "-p", "a=x y", "--allow-errors"]);
    expect([saved().cells[1]!.source].flat().join("")).toBe('// Parameters\na = "x y";\nb = 2;');
  });

  it("refuses what it cannot do, before anything is written", async () => {
    const book = notebook("fake", say(`"hello"`));
    const out = join(folder, "no.ipynb");
    await expect(run([])).rejects.toThrow("expected one notebook, got 0");
    await expect(run([book])).rejects.toThrow("expected -o OUT.ipynb");
    await expect(run([join(folder, "none.ipynb"), "-o", out])).rejects.toThrow("notebook: expected a file, there is none at");
    await expect(run([book, "-o", out, "--kernel", "julia"])).rejects.toThrow(/--kernel: expected one of .*fake.*, got julia/);
    await expect(run([book, "-o", out, "--timeout", "0"])).rejects.toThrow("--timeout: expected seconds above 0, got 0");
    await expect(run([book, "-o", out, "-p", "x"])).rejects.toThrow('parameter: expected name=value, got "x"');
    expect(() => readFileSync(out)).toThrow("ENOENT");
  });

  it("saves and ends the kernel on Ctrl-C", async () => {
    const runner = await childRunner("cli/run.ts");
    try {
      const out = join(folder, "out.ipynb");
      const book = notebook("fake", say(`"pid " + process.pid + "\\n"`), { source: `${say('"started\\n"').source}; await interrupted;` });
      const child = runner.start(`import { run } from "./src/cli/run.js"; await run(${JSON.stringify([book, "-o", out])});`);
      const end = ended(child);
      let text = "";
      for await (const piece of child.stdout!) {
        text += String(piece);
        if (/^ +started$/m.test(text)) child.kill("SIGINT");
      }
      expect(await end).toEqual({ code: 130, signal: null });
      expect(shown()[1]).toBe("started\n");
      expect(() => process.kill(Number(/pid (\d+)/.exec(text)![1]), 0)).toThrow("ESRCH");
    } finally {
      await runner.dispose();
    }
  });

  it("runs a notebook under tslab", async () => {
    const cells = [
      { source: "let a: number = 1;", tags: ["parameters"] },
      { source: "console.log(a)" },
      { source: "await Promise.resolve(a + 1)" },
    ];
    await run([notebook(undefined, ...cells), "-o", join(folder, "out.ipynb"), "--kernel", "tslab", "-p", "a=41"]);
    expect(shown()).toEqual(["", "41\n", "41\n", "42\n"]);
    await expect(run([notebook("tslab", { source: `throw new RangeError("no")` }), "-o", join(folder, "out.ipynb")])).rejects.toThrow(
      /cell 0 failed\.\n[\s\S]*RangeError: no/,
    );
  });

  it("runs a notebook under our kernel, which needs no installation", async () => {
    const cells = [
      { source: "let a: number = 1;", tags: ["parameters"] },
      { source: "console.log(a)" },
      { source: "await Promise.resolve(a + 1)" },
    ];
    await run([notebook(undefined, ...cells), "-o", join(folder, "out.ipynb"), "--kernel", "eqlab", "-p", "a=41"]);
    expect(shown()).toEqual(["", "41", "41\n", "42"]);
    await expect(run([notebook("eqlab", { source: `throw new RangeError("no")` }), "-o", join(folder, "out.ipynb")])).rejects.toThrow(
      /cell 0 failed\.\n[\s\S]*RangeError: no/,
    );
  });
});

describe("eqlab kernel", () => {
  it("installs, lists and uninstalls", async () => {
    await kernel(["install", "--preload", "d3=d3"]);
    const spec = JSON.parse(readFileSync(join(folder, "user", "kernels", "eqlab", "kernel.json"), "utf8")) as { argv: string[] };
    expect(spec.argv.slice(-8)).toEqual([
      "--preload",
      "eq=eqlab",
      "--preload",
      "tf=eqlab#tf",
      "--preload",
      "progress=eqlab#progress",
      "--preload",
      "d3=d3",
    ]);
    await kernel(["list"]);
    expect(printed.join("\n")).toMatch(/^eqlab +TypeScript \(eqlab\), TypeScript kernel of eqlab, ready$/m);
    expect(printed.join("\n")).toMatch(/^fake +Fake$/m);
    await kernel(["uninstall"]);
    await expect(kernel(["uninstall"])).rejects.toThrow("kernel eqlab: expected one in");
    await expect(kernel(["uninstall", "--name", "fake", "--prefix", folder])).rejects.toThrow("there is none");
  });

  it("refuses what it does not know", async () => {
    await expect(kernel(["instal"])).rejects.toThrow('expected install, list or uninstall, got "instal"');
    await expect(kernel(["install", "--user", "--prefix", folder])).rejects.toThrow("expected --user or --prefix, got both");
  });
});
