import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  commandOf,
  dataFolders,
  findKernelspecs,
  installKernelspec,
  kernelspec,
  parsePreload,
  uninstallKernelspec,
  userDataFolder,
} from "../../src/kernel/kernelspec.js";
import { temporaryFolder } from "../temporary-folder.js";

function put(file: string, content: unknown): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

function launcherIn(folder: string): string {
  put(join(folder, "kernels", "eqlab", "logo-svg.svg"), "<svg/>");
  return put(join(folder, "kernels", "eqlab", "launch.mjs"), "");
}

const named = (display_name: string) => ({ argv: ["/no/such/python", "-m", "x"], display_name, language: "python" });

describe("a kernelspec of ours", () => {
  it("starts the launcher under this Node, with its preloads, and is interrupted by message", () => {
    const preload = ["eq=eqlab", "tf=eqlab#tf"].map(parsePreload);
    expect(kernelspec({ launcher: "/x/kernels/eqlab/launch.mjs", preload, strict: true })).toEqual({
      argv: [
        process.execPath,
        "/x/kernels/eqlab/launch.mjs",
        "{connection_file}",
        "--preload",
        "eq=eqlab",
        "--preload",
        "tf=eqlab#tf",
        "--strict",
      ],
      display_name: "TypeScript (eqlab)",
      language: "typescript",
      interrupt_mode: "message",
      metadata: { debugger: false },
    });
  });

  it("is installed with its logos, found as ours, replaced and removed", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "share", "jupyter");
    const launcher = launcherIn(folder);
    await installKernelspec(data, "eqlab", { launcher });
    await installKernelspec(data, "eqlab", { launcher, displayName: "Mine" });
    const [found, ...others] = await findKernelspecs([data]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ name: "eqlab", ours: true, missing: [], spec: { display_name: "Mine" } });
    expect(readFileSync(join(found!.folder, "logo-svg.svg"), "utf8")).toBe("<svg/>");
    await uninstallKernelspec(found!);
    expect(existsSync(found!.folder)).toBe(false);
    expect(await findKernelspecs([data])).toEqual([]);
  });

  it("is found broken where its launcher is gone", async () => {
    const data = temporaryFolder();
    const gone = "/no/such/kernels/eqlab/launch.mjs";
    put(join(data, "kernels", "eqlab", "kernel.json"), kernelspec({ launcher: gone }));
    expect(await findKernelspecs([data])).toMatchObject([{ ours: true, missing: [gone] }]);
  });

  it("is not installed without its launcher, under a strange name, or over another project's kernel", async () => {
    const folder = temporaryFolder();
    const launcher = launcherIn(folder);
    put(join(folder, "kernels", "python3", "kernel.json"), named("Python 3"));
    await expect(installKernelspec(folder, "eqlab", { launcher: "/no/launch.mjs" })).rejects.toThrow(
      "expected the launcher /no/launch.mjs",
    );
    await expect(installKernelspec(folder, "../eqlab", { launcher })).rejects.toThrow("kernel name: expected lower-case letters");
    await expect(installKernelspec(folder, "python3", { launcher })).rejects.toThrow('got "Python 3". Choose another --name.');
  });

  it("alone can be uninstalled", async () => {
    const data = temporaryFolder();
    const file = put(join(data, "kernels", "python3", "kernel.json"), named("Python 3"));
    const [found] = await findKernelspecs([data]);
    await expect(uninstallKernelspec(found!)).rejects.toThrow('kernel python3: expected one of ours, got "Python 3"');
    expect(existsSync(file)).toBe(true);
  });
});

describe("Jupyter's folders", () => {
  it("come in Jupyter's order, each once", () => {
    const env = { JUPYTER_PATH: "/a:/b", JUPYTER_DATA_DIR: "/mine", VIRTUAL_ENV: "/project/.venv" };
    const folders = ["/a", "/b", "/mine", "/project/.venv/share/jupyter", "/usr/local/share/jupyter", "/usr/share/jupyter"];
    expect(dataFolders(["/project/.venv"], env)).toEqual(folders);
  });

  it("of a user are where the platform keeps data", () => {
    expect(userDataFolder({ HOME: "/home/ada", XDG_DATA_HOME: "/data" })).toBe("/data/jupyter");
    expect(userDataFolder({ HOME: "/home/ada" })).toBe("/home/ada/.local/share/jupyter");
  });

  it("hide a later kernel of the same name, and pass over what is no kernel", async () => {
    const [first, second] = [temporaryFolder(), temporaryFolder()];
    put(join(first, "kernels", "k", "kernel.json"), named("first"));
    put(join(second, "kernels", "K", "kernel.json"), named("second"));
    put(join(second, "kernels", "broken", "kernel.json"), "{");
    put(join(second, "kernels", "strange", "kernel.json"), { argv: "x" });
    const found = await findKernelspecs([first, join(first, "missing"), second]);
    expect(found.map(({ spec }) => spec.display_name)).toEqual(["first"]);
  });
});

describe("a found kernel's command", () => {
  it("takes the Python of its own environment, and fills in its folder", async () => {
    const prefix = temporaryFolder();
    const python = put(join(prefix, "bin", "python"), "");
    const spec = {
      argv: ["python", "-m", "x", "{resource_dir}", "{prefix}", "{connection_file}"],
      env: { A: "1" },
      interrupt_mode: "message",
    };
    const folder = dirname(put(join(prefix, "share", "jupyter", "kernels", "k", "kernel.json"), spec));
    const [found] = await findKernelspecs([join(prefix, "share", "jupyter")]);
    expect(commandOf(found!)).toEqual({
      argv: [python, "-m", "x", folder, prefix, "{connection_file}"],
      env: { A: "1" },
      interruptMode: "message",
    });
  });
});

describe("a preload", () => {
  it("is a name and a package, with or without a member", () => {
    expect(parsePreload("tf=@tensorflow/tfjs")).toEqual({ name: "tf", specifier: "@tensorflow/tfjs" });
    expect(parsePreload("add=./lib/sum.ts#add")).toEqual({ name: "add", specifier: "./lib/sum.ts", member: "add" });
    for (const wrong of ["tf", "=x", "a-b=c", "a=", "a=b#"]) {
      expect(() => parsePreload(wrong)).toThrow(
        `--preload: expected name=specifier or name=specifier#member, got ${JSON.stringify(wrong)}`,
      );
    }
  });
});
