import { expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import { checkRelativePath } from "../../src/files/relative-path.js";

const SAFE = ["a", "config.json", "data/train-00000-of-00001.parquet", ".gitattributes", "a..b/c...", "with space/ü", "logs/10:30.txt"];

const UNSAFE = [
  ...["", "/", "/etc/passwd", "a/", "a//b", ".", "..", "./a", "a/./b", "../a", "a/../b", "a/..", "a/../../b"],
  ...["C:\\Windows\\x", "C:/x", "c:x", "a/D:x", "\\\\host\\share", "\\x", "a\\..\\..\\b", "..\\a", "a\\b"],
  ...["a\u0000.txt", "a\nb", "a\u001b[2Jb", "a\u007f"],
];

it("accepts names that stay inside a folder, unchanged", () => {
  for (const path of SAFE) expect(checkRelativePath(path)).toBe(path);
});

it("refuses names that leave the folder under POSIX or Windows rules", () => {
  for (const path of UNSAFE) expect(() => checkRelativePath(path), JSON.stringify(path)).toThrow(FormatError);
  expect(UNSAFE).toHaveLength(26);
});

it("names the thing and the value", () => {
  expect(() => checkRelativePath("../x", "org/name")).toThrow(
    'org/name: expected a name that stays inside its folder, such as `data/train.csv`, got "../x"',
  );
});
