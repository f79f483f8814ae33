/** What is known about the name at a place of a cell. */

import type { Inspection } from "../messages.js";
import type { CellModule, Cells } from "./cells.js";
import { ts } from "./typescript.js";

type Types = { cells: Cells; service: ts.LanguageService };
type Place = { path: string; position: number };

/** `detail` 1 adds where it is declared. */
export function inspect(types: Types, code: string, offset: number, detail: number): Inspection {
  const draft = types.cells.draft(code);
  for (const place of places(types, draft, code, offset)) {
    const origin = originOf(types, draft, place);
    const info = types.service.getQuickInfoAtPosition(origin.path, origin.position);
    if (!info) continue;
    const signature = ts
      .displayPartsToString(info.displayParts)
      .replace(/^\(alias\) ([\s\S]*)\n(?:im|ex)port [\s\S]*$/, "$1")
      .replace(/^\((?:property|method)\) CellGlobals\./, "")
      .replace(/\b__kernelScope\.\w+\./g, "");
    if (signature === "" || signature === "any") continue;
    const where = detail > 0 ? declaredAt(types, origin) : "";
    return { found: true, data: representations(signature, ts.displayPartsToString(info.documentation), info.tags ?? [], where) };
  }
  return { found: false };
}

/** The name under the cursor, the one that ends there, or the function whose arguments the cursor is among. */
function places({ service }: Types, draft: CellModule, code: string, offset: number): Place[] {
  const place = Math.max(0, Math.min(offset, code.length));
  const isName = (at: number): boolean => /[\p{ID_Continue}$]/u.test(code[at] ?? "");
  const found: number[] = [];
  if (isName(place)) found.push(place);
  if (isName(place - 1)) found.push(place - 1);
  const help = service.getSignatureHelpItems(draft.path, draft.offset + place, undefined);
  if (help) {
    const opened = code.lastIndexOf("(", help.applicableSpan.start - draft.offset);
    const callee = code.slice(0, opened).search(/[\p{ID_Continue}$]\s*(?:<[^()]*>)?\s*$/u);
    if (callee >= 0) found.push(callee);
  }
  return found.map((position) => ({ path: draft.path, position: draft.offset + position }));
}

/** Names of earlier cells are declared in hidden text: the place where the cell, or the kernel, declares them. */
function originOf({ cells, service }: Types, draft: CellModule, place: Place): Place {
  let at = place;
  for (let step = 0; step < 4; step++) {
    const [definition] = service.getDefinitionAtPosition(at.path, at.position) ?? [];
    if (!definition) return at;
    const { fileName, textSpan } = definition;
    if (fileName === draft.path && textSpan.start < draft.offset) {
      const text = service.getProgram()!.getSourceFile(fileName)!.text.slice(textSpan.start, draft.offset);
      at = { path: fileName, position: textSpan.start + text.indexOf(";") - 1 };
      continue;
    }
    const moved = at !== place;
    if (!cells.isHidden(fileName) && !moved) return place;
    if (textSpan.length === 0 || (fileName === at.path && textSpan.start === at.position)) return at;
    return fileName === draft.path ? place : { path: fileName, position: textSpan.start };
  }
  return at;
}

function declaredAt({ cells, service }: Types, { path, position }: Place): string {
  const [definition] = service.getDefinitionAtPosition(path, position) ?? [];
  const fileName = definition?.fileName ?? path;
  if (cells.isHidden(fileName)) return "";
  const file = service.getProgram()?.getSourceFile(fileName);
  if (!file || /\.cells\.d\.ts$|^\/eqlab-libraries\//.test(fileName)) return "";
  const { line } = file.getLineAndCharacterOfPosition(definition?.textSpan.start ?? position);
  return `${fileName}:${line + 1}`;
}

function representations(signature: string, documentation: string, tags: ts.JSDocTagInfo[], where: string): { [mime: string]: string } {
  const named = tags.map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) }));
  const plain = [signature, documentation, named.map(({ name, text }) => `@${name} ${text}`.trim()).join("\n"), where];
  const marked = [
    `\`\`\`typescript\n${signature}\n\`\`\``,
    documentation,
    named.map(({ name, text }) => (name === "example" ? `*@${name}*\n${fenced(text)}` : `*@${name}* ${text}`.trim())).join("\n\n"),
    where && `\`${where}\``,
  ];
  const join = (parts: string[]): string => parts.filter((part) => part !== "").join("\n\n");
  return { "text/plain": join(plain), "text/markdown": join(marked) };
}

const fenced = (text: string): string => (text.includes("```") ? text : `\`\`\`typescript\n${text}\n\`\`\``);
