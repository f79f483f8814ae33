import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Cell, joined, type Notebook, parseNotebook, tagsOf } from "../../src/kernel/notebook/file.js";
import { injectParameters, parseParameter, readParameters } from "../../src/kernel/notebook/parameters.js";
import { temporaryFolder } from "../temporary-folder.js";

const code = (source: string, ...tags: string[]): Cell =>
  ({ cell_type: "code", id: "abc", source, metadata: tags.length > 0 ? { tags } : {}, execution_count: null, outputs: [] }) as Cell;

const notebook = (...cells: Cell[]): Notebook => ({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });

const sources = ({ cells }: Notebook): string[] => cells.map(({ source }) => joined(source));

describe("parameters", () => {
  it("are JSON, or text as it stands", () => {
    const texts = ["a=3", "a=-1.5e3", 'a="3"', "a=[1,2]", "a=true", "a=null", "a=ada lovelace", "a=x=y", "a="];
    const values = texts.map((text) => parseParameter(text)[1]);
    expect(values).toEqual([3, -1500, "3", [1, 2], true, null, "ada lovelace", "x=y", ""]);
  });

  it("have names that can be names of variables, and nothing else", () => {
    expect(parseParameter("größe=1")).toEqual(["größe", 1]);
    for (const name of ["", "1a", "a.b", "a b", "let", "await", "a;process.exit()//"]) {
      expect(() => parseParameter(`${name}=1`)).toThrow(`expected the name of a variable, got ${JSON.stringify(name)}`);
    }
    expect(() => parseParameter("temperature")).toThrow('expected name=value, got "temperature"');
  });

  it("come from a file that holds one object", async () => {
    const file = join(temporaryFolder(), "p.json");
    writeFileSync(file, '{"steps": 20}');
    expect(await readParameters(file)).toEqual({ steps: 20 });
    for (const wrong of ["[1]", "{", "3", '{"a b": 1}']) {
      writeFileSync(file, wrong);
      await expect(readParameters(file)).rejects.toThrow(/expected (one )?(JSON|the name)/);
    }
    await expect(readParameters(join(file, "none"))).rejects.toThrow("parameters: expected a JSON file");
  });

  it("are assigned after the cell that declares them, and noted", async () => {
    const book = notebook(
      code("// intro"),
      code("let temperature = 0.7, name = 'x';\nconst fixed = 1;", "parameters"),
      code("temperature"),
    );
    await injectParameters(book, { temperature: 3, name: 'say "hi"\n' });
    expect(sources(book)[2]).toBe('// Parameters\ntemperature = 3;\nname = "say \\"hi\\"\\n";');
    expect(tagsOf(book.cells[2]!)).toEqual(["injected-parameters"]);
    expect(book.cells[2]!.id).toMatch(/^[a-zA-Z0-9-_]{1,64}$/);
    expect(book.cells).toHaveLength(4);
    expect(book.metadata.papermill).toEqual({ parameters: { temperature: 3, name: 'say "hi"\n' } });
  });

  it("are declared first of all where no cell declares them", async () => {
    const book = notebook(code("temperature"));
    await injectParameters(book, { temperature: 3 });
    expect(sources(book)).toEqual(["// Parameters\nlet temperature = 3;", "temperature"]);
  });

  it("replace those of an earlier run", async () => {
    const book = notebook(code("let a = 1", "parameters"), code("a"));
    await injectParameters(book, { a: 2 });
    await injectParameters(book, { a: 3 });
    expect(sources(book)).toEqual(["let a = 1", "// Parameters\na = 3;", "a"]);
  });

  it("that are misspelt or constant are refused", async () => {
    const book = notebook(code("let temperature = 1; const fixed = 2; { let inner = 3 }", "parameters"));
    await expect(injectParameters(book, { temprature: 3 })).rejects.toThrow("declares (temperature, fixed). Declare it there.");
    await expect(injectParameters(book, { inner: 3 })).rejects.toThrow("parameter inner: expected one that");
    await expect(injectParameters(book, { fixed: 3 })).rejects.toThrow("parameter fixed: expected `let fixed`");
    expect(book.cells).toHaveLength(1);
  });

  it("are written in the kernel's language", async () => {
    const book = notebook(code("a = 1", "parameters"));
    await injectParameters(book, { a: { b: [true, null, "x"], c: 1.5 } }, "python");
    expect(sources(book)[1]).toBe('# Parameters\na = {"b": [True, None, "x"], "c": 1.5}');
    await expect(injectParameters(book, { a: 1 }, "r")).rejects.toThrow("expected a kernel of TypeScript, JavaScript or Python, got r");
  });

  it("get no cell id in files that know none", async () => {
    const book = parseNotebook('{"nbformat":4,"nbformat_minor":2,"cells":[]}', "x.ipynb");
    await injectParameters(book, { a: 1 });
    expect(Object.keys(book.cells[0]!)).not.toContain("id");
  });
});
