/** What may stand at a place of a cell that is still being written. */
import type { Completion } from "../messages.js";
import type { Cells } from "./cells.js";
import { ts } from "./typescript.js";

const preferences: ts.GetCompletionsAtPositionOptions = {
  includeSymbol: true,
  includeCompletionsForModuleExports: false,
  includeCompletionsWithInsertText: false,
  includeCompletionsForImportStatements: false,
  importModuleSpecifierEnding: "minimal",
  quotePreference: "double",
};

/** More are of no use to anybody. */
const MOST = 2000;

export function complete({ cells, service }: { cells: Cells; service: ts.LanguageService }, code: string, offset: number): Completion {
  const place = Math.max(0, Math.min(offset, code.length));
  const member = /(?:^|[^.])\.\s*#?[$\p{ID_Continue}]*$/u.test(code.slice(0, place));
  const draft = cells.draft(code, !member);
  const found = service.getCompletionsAtPosition(draft.path, draft.offset + place, preferences);
  if (!found) return { matches: [], start: place, end: place };
  const { start, end } = replaced(code, place, found, draft.offset);
  const typed = code.slice(start, place);
  const lower = typed.toLowerCase();
  const rank = ({ name, sortText }: ts.CompletionEntry): string => `${name.startsWith(typed) ? 0 : 1} ${sortText} ${name}`;
  const seen = new Set<string>();
  const matches = found.entries
    .filter((entry) => !entry.name.startsWith("__kernel") && fits(entry, start + draft.offset))
    .map((entry) => ({ entry, text: entry.insertText ?? withExtension(entry, code.slice(0, start)), key: rank(entry) }))
    .filter(({ entry, text }) => entry.name.toLowerCase().startsWith(lower) && !seen.has(text) && seen.add(text))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .slice(0, MOST)
    .map(({ entry, text }) => ({ text, type: kindOf(entry, service) }));
  return { matches, start, end };
}

/** What a name is that another module hands on. */
function kindOf({ kind, symbol }: ts.CompletionEntry, service: ts.LanguageService): string {
  if (kind !== ts.ScriptElementKind.alias || !symbol || !(symbol.flags & ts.SymbolFlags.Alias)) return kind;
  const { flags } = service.getProgram()!.getTypeChecker().getAliasedSymbol(symbol);
  return KINDS.find(([flag]) => flags & flag)?.[1] ?? kind;
}

const KINDS: [ts.SymbolFlags, ts.ScriptElementKind][] = [
  [ts.SymbolFlags.Class, ts.ScriptElementKind.classElement],
  [ts.SymbolFlags.Function, ts.ScriptElementKind.functionElement],
  [ts.SymbolFlags.Enum, ts.ScriptElementKind.enumElement],
  [ts.SymbolFlags.BlockScopedVariable, ts.ScriptElementKind.constElement],
  [ts.SymbolFlags.Variable, ts.ScriptElementKind.variableElement],
  [ts.SymbolFlags.Module, ts.ScriptElementKind.moduleElement],
  [ts.SymbolFlags.Interface, ts.ScriptElementKind.interfaceElement],
  [ts.SymbolFlags.TypeAlias, ts.ScriptElementKind.typeElement],
];

/** A whole identifier, or what TypeScript says, e.g. the part of a path in a string. */
function replaced(code: string, place: number, found: ts.CompletionInfo, before: number): { start: number; end: number } {
  const span = found.entries.find(({ replacementSpan, insertText }) => replacementSpan && insertText === undefined)?.replacementSpan;
  const given = found.optionalReplacementSpan ?? span;
  if (given && given.start - before <= place) return { start: given.start - before, end: given.start - before + given.length };
  const head = /[#$\p{ID_Continue}]*$/u.exec(code.slice(0, place))![0].length;
  const tail = /^[$\p{ID_Continue}]*/u.exec(code.slice(place))![0].length;
  return { start: place - head, end: place + tail };
}

/** Whether an entry's text goes where the others' goes; `a["b-c"]`, which takes the dot away, does not. */
function fits({ insertText, replacementSpan }: ts.CompletionEntry, start: number): boolean {
  return insertText === undefined || !replacementSpan || replacementSpan.start === start;
}

/** A local file is imported by its whole name; TypeScript leaves the extension out. `before` is the text before the name. */
function withExtension({ name, kind, kindModifiers = "" }: ts.CompletionEntry, before: string): string {
  const local =
    kind === "script" && kindModifiers.startsWith(".") && !name.endsWith(kindModifiers) && /["'`]\.{0,2}\/[^"'`\n]*$/.test(before);
  return local ? name + kindModifiers : name;
}
