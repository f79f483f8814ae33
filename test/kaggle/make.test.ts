import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { make } from "../../kaggle/make.mjs";
import { checkDatasetMetadata, checkKernelMetadata, datasetMetadata, kernelMetadata, slugOf } from "../../kaggle/metadata.mjs";
import { checkClient, checkFolder, commandFor } from "../../kaggle/push.mjs";
import { STAGES } from "../../kaggle/stages.mjs";
import { checkNotebook, textOf, wrap } from "../../kaggle/wrap.mjs";
import { root } from "../../src/setup/paths.mjs";
import { temporaryFolder } from "../temporary-folder.js";

type Metadata = Record<string, unknown>;
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const code = (source: string) => ({ cell_type: "code", id: "c", metadata: {}, outputs: [] as unknown[], execution_count: null, source });
const notebookOf = (...cells: unknown[]) => ({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });
const wrapped = (...sources: string[]) => wrap(notebookOf(...sources.map(code)));

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

describe("the folders for Kaggle", () => {
  it("are made for every notebook, without a fault", () => {
    const made = make({ user: "tester", out: folder });
    expect(made.map(({ faults }) => faults)).toEqual(made.map(() => []));
    expect(STAGES.map(({ name }) => `${name}.ipynb`)).toEqual(
      readdirSync(join(root, "notebooks"))
        .filter((name) => name.endsWith(".ipynb"))
        .sort(),
    );
    for (const stage of STAGES) expect(checkFolder(join(folder, slugOf(stage.title)))).toMatchObject({ kind: "notebook", faults: [] });
  });

  it("hold the TypeScript cells word for word, behind one Python cell", () => {
    make({ user: "tester", out: folder, secrets: ["HF_TOKEN"] });
    for (const { name, title } of STAGES) {
      const cellsOf = (path: string) =>
        json(path)
          .cells.filter((cell: { cell_type: string }) => cell.cell_type === "code")
          .map(textOf);
      const [start, ...rest] = cellsOf(join(folder, slugOf(title), `${name}.ipynb`));
      expect(rest).toEqual(cellsOf(join(root, "notebooks", `${name}.ipynb`)));
      expect(start).toMatch(/^!bash .*\n.*\n%load_ext eqlab_bridge\n%ts_start --secret HF_TOKEN\n%ts_mode on\n/);
    }
  });

  it("name the accelerator, the internet switch and what is attached", () => {
    make({ user: "tester", out: folder, accelerator: "p100", internet: true, data: ["someone/esconv"] });
    const metadata = json(join(folder, "eqlab-04-eqbench", "kernel-metadata.json"));
    expect(metadata).toMatchObject({
      id: "tester/eqlab-04-eqbench",
      language: "python",
      is_private: "true",
      enable_gpu: "true",
      enable_internet: "true",
      machine_shape: "NvidiaTeslaP100",
      dataset_sources: ["tester/eqlab-pack", "someone/esconv"],
      kernel_sources: ["tester/eqlab-01-sft", "tester/eqlab-02-heads", "tester/eqlab-03-dpo"],
    });
    make({ user: "tester", out: folder, accelerator: "none", carry: "dataset" });
    const other = json(join(folder, "eqlab-03-dpo", "kernel-metadata.json"));
    expect(other).toMatchObject({ enable_gpu: "false", enable_internet: "false", kernel_sources: [] });
    expect(other.dataset_sources).toEqual(["tester/eqlab-pack", "tester/eqlab-stages"]);
    expect(other).not.toHaveProperty("machine_shape");
  });

  it("are refused for options that make no sense", () => {
    expect(() => make({ out: folder } as never)).toThrow("--user: expected your name on Kaggle");
    expect(() => make({ user: "a/b", out: folder })).toThrow("--user");
    expect(() => make({ user: "a", accelerator: "tpu", out: folder })).toThrow("--accelerator");
    expect(() => make({ user: "a", carry: "pigeon", out: folder })).toThrow("--carry");
    expect(() => make({ user: "a", secrets: ["A B"], out: folder })).toThrow("--secret");
  });

  it("keep the stages' files when they are made again", () => {
    make({ user: "tester", out: folder });
    writeFileSync(join(folder, "eqlab-stages", "kept.txt"), "kept");
    make({ user: "tester", out: folder });
    expect(readFileSync(join(folder, "eqlab-stages", "kept.txt"), "utf8")).toBe("kept");
  });
});

describe("metadata", () => {
  const kernels = ["tester/eqlab-00-before"];
  const good = (): Metadata =>
    kernelMetadata(STAGES[0]!, { user: "tester", codeFile: "01_sft.ipynb", accelerator: "t4", internet: false, datasets: [], kernels });

  it("of a stage has no fault", () => expect(checkKernelMetadata(good())).toEqual([]));

  it.each<[string, Metadata, RegExp]>([
    ["a title that is too short", { title: "abc" }, /title: expected 5 to 50/],
    ["a title that is too long", { title: "x".repeat(51) }, /title: expected 5 to 50/],
    ["a title with another slug", { title: "Something else" }, /becomes "eqlab-01-sft"/],
    ["an id without a user", { id: "eqlab" }, /id: expected user\/slug/],
    ["a code file elsewhere", { code_file: "../x.ipynb" }, /code_file/],
    ["TypeScript as the language", { language: "typescript" }, /language/],
    ["a public notebook", { is_private: "false" }, /is_private/],
    ["an unknown machine", { machine_shape: "Abacus" }, /machine_shape/],
    ["a machine without a GPU switch", { enable_gpu: "false" }, /enable_gpu/],
    ["a source that is no reference", { dataset_sources: ["/kaggle/input/x"] }, /dataset_sources/],
    ["a source twice", { dataset_sources: ["a/b", "a/b"] }, /only once/],
    ["itself as a source", { kernel_sources: ["tester/eqlab-01-sft"] }, /other notebooks/],
  ])("refuses %s", (_, change, fault) => {
    expect(checkKernelMetadata({ ...good(), ...change }).join("\n")).toMatch(fault);
  });

  it("of a data set has exactly one licence, a title and a subtitle within Kaggle's limits", () => {
    const fine = datasetMetadata({ user: "u", title: "eqlab pack", slug: "eqlab-pack", subtitle: "x".repeat(20), description: "" });
    expect(checkDatasetMetadata(fine)).toEqual([]);
    expect(checkDatasetMetadata({ ...fine, licenses: [] }).join()).toMatch(/licenses: expected exactly one/);
    expect(checkDatasetMetadata({ ...fine, licenses: [{ name: "a" }, { name: "b" }] }).join()).toMatch(/exactly one/);
    expect(checkDatasetMetadata({ ...fine, title: "eqlab" }).join()).toMatch(/6 to 50/);
    expect(checkDatasetMetadata({ ...fine, subtitle: "short" }).join()).toMatch(/20 to 80/);
    expect(checkDatasetMetadata({ ...fine, id: "u/ab" }).join()).toMatch(/3 to 50/);
  });
});

describe("a wrapped notebook", () => {
  const faults = (change: (notebook: ReturnType<typeof wrapped>) => void, ...sources: string[]) => {
    const notebook = wrapped(...sources);
    change(notebook);
    return checkNotebook(JSON.stringify(notebook)).join("\n");
  };

  it("loses outputs, numbers and other kernels' metadata", () => {
    const cell = { ...code("1"), outputs: [{ output_type: "stream" }], execution_count: 3, metadata: { trusted: true } };
    const made = wrap(notebookOf(cell));
    expect(made.cells.at(-1)).toMatchObject({ outputs: [], execution_count: null, metadata: {} });
    expect(made.metadata.kernelspec.name).toBe("python3");
  });

  it("passes with awaits, imports, types and a Python cell", () => {
    expect(
      faults(() => {}, 'import * as eq from "eqlab";\nconst a: number = await eq.f();', "%%py\nprint(1)", "for await (const x of y) {}"),
    ).toBe("");
  });

  it("is refused with outputs, with cells that are no TypeScript, or too large", () => {
    expect(faults((one) => one.cells[1]?.outputs.push({}), "1")).toContain("expected no outputs");
    expect(faults(() => {}, "let a = ;\n1")).toMatch(/code cell 2, line 1:9: Expression expected/);
    expect(faults(() => {}, "def f(x):\n    return x")).toContain("code cell 2, line 1");
    expect(faults(() => {}, "!ls")).toContain("IPython would take it");
    expect(faults(() => {}, `// ${"x".repeat(1 << 20)}`)).toContain("at most");
    expect(faults((one) => one.cells.shift(), "1")).toContain("first code cell");
    expect(checkNotebook("{")).toHaveLength(1);
    expect(() => wrap({ cells: [] })).toThrow("format 4");
  });
});

describe("pushing", () => {
  const push = (args: string[], env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [join(root, "kaggle", "push.mjs"), ...args], { encoding: "utf8", env: { PATH: "", HOME: folder, ...env } });
  /** A program `kaggle` that writes down how it was called. */
  const client = () => {
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin", "kaggle"), `#!/bin/sh\necho "$@" >> ${join(folder, "calls")}\n`);
    chmodSync(join(folder, "bin", "kaggle"), 0o755);
    return join(folder, "bin");
  };

  it("names what is missing before anything is called", () => {
    make({ user: "tester", out: folder });
    const { status, stderr } = push([join(folder, "eqlab-01-sft")], {});
    expect(status).toBe(1);
    expect(stderr).toContain("pip install kaggle");
    expect(stderr).toContain("kaggle.com/settings");
    expect(stderr).toContain("nothing was pushed: 2 things to mend");
  });

  it("calls nothing in a dry run, and the CLI otherwise", () => {
    make({ user: "tester", out: folder });
    const env = { PATH: `${client()}:/bin:/usr/bin`, KAGGLE_API_TOKEN: "not-a-token" };
    const dry = push([join(folder, "eqlab-01-sft"), "--dry-run"], env);
    expect([dry.status, dry.stderr]).toEqual([0, ""]);
    expect(dry.stdout).toContain(`would run: kaggle kernels push -p ${join(folder, "eqlab-01-sft")}`);
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe("--version\n");
    expect(push([join(folder, "eqlab-01-sft")], env).status).toBe(0);
    expect(readFileSync(join(folder, "calls"), "utf8")).toContain("kernels push -p");
  });

  it("pushes nothing where one folder of several has a fault", () => {
    make({ user: "tester", out: folder });
    writeFileSync(join(folder, "eqlab-02-heads", "02_heads.ipynb"), "{");
    const env = { PATH: `${client()}:/bin:/usr/bin`, KAGGLE_API_TOKEN: "not-a-token" };
    const { status, stderr } = push([join(folder, "eqlab-01-sft"), join(folder, "eqlab-02-heads")], env);
    expect(status).toBe(1);
    expect(stderr).toContain("eqlab-02-heads");
    expect(readFileSync(join(folder, "calls"), "utf8")).not.toContain("push");
  });

  it("finds a pack whose files are not the ones that were packed", () => {
    const metadata = datasetMetadata({ user: "u", title: "eqlab pack", slug: "eqlab-pack", subtitle: "x".repeat(20), description: "" });
    writeFileSync(join(folder, "dataset-metadata.json"), JSON.stringify(metadata));
    expect(checkFolder(folder).faults.join()).toContain("got none");
    writeFileSync(join(folder, "project.pack"), "changed");
    writeFileSync(
      join(folder, "eqlab-pack.json"),
      JSON.stringify({ files: { project: { file: "project.pack", sha256: "0".repeat(64) }, node: { file: "node.pack", sha256: "" } } }),
    );
    expect(checkFolder(folder).faults.join("\n")).toMatch(/project.pack: expected sha256 0+, got[\s\S]*node.pack: expected it beside/);
  });

  it("looks for credentials without reading them, and makes the right command", () => {
    const found = () => ({ status: 0 }) as never;
    expect(checkClient({ HOME: folder }, found)).toHaveLength(1);
    mkdirSync(join(folder, ".kaggle"));
    writeFileSync(join(folder, ".kaggle", "kaggle.json"), "not even JSON");
    expect(checkClient({ HOME: folder }, found)).toEqual([]);
    expect(commandFor("f", "dataset", { exists: true, message: "m" }).join(" ")).toBe("kaggle datasets version -p f --dir-mode tar -m m");
    expect(commandFor("f", "dataset", { exists: false }).join(" ")).toBe("kaggle datasets create -p f --dir-mode tar");
  });
});
