import { expected, FormatError } from "../core/errors.js";

/**
 * Checks a file's name inside a folder or repository: parts joined by `/`, safe to join onto a folder under POSIX and Windows rules
 * alike. Names come from servers, archives and indexes, so they are outside data.
 * @throws FormatError for an absolute, drive or UNC name, a backslash, a control character, or an empty, `.` or `..` part.
 */
export function checkRelativePath(path: string, thing = "file name"): string {
  const parts = path.split("/");
  const safe = parts.every((part) => part !== "" && part !== "." && part !== ".." && !/^[a-z]:/i.test(part));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (safe && !/[\\\u0000-\u001f\u007f]/.test(path)) return path;
  throw new FormatError(expected(thing, "a name that stays inside its folder, such as `data/train.csv`", path));
}
