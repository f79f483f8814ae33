/** What a cell declares at its top level, and what it speaks of. */

import { boundNames } from "../transform/vars.js";
import { ts } from "./typescript.js";

/** How later cells see a name: `alias` has all the meanings that the declaration has, `type` has no value. */
export type Form = "let" | "const" | "alias" | "type";

export type Declared = { name: string; form: Form; exported: boolean };

/** Top-level declarations, `var` of blocks and loops included; a name that is declared twice comes twice. */
export function declaredNames(file: ts.SourceFile): Declared[] {
  const found: Declared[] = [];
  const add = (identifier: ts.Node | undefined, form: Form, exported = false): void => {
    if (identifier && ts.isIdentifier(identifier) && identifier.text !== "") found.push({ name: identifier.text, form, exported });
  };
  for (const node of file.statements) {
    const exported = ts.canHaveModifiers(node) && has(node, ts.SyntaxKind.ExportKeyword) && !has(node, ts.SyntaxKind.DefaultKeyword);
    if (ts.isVariableStatement(node) && node.declarationList.flags & ts.NodeFlags.BlockScoped) {
      const form = node.declarationList.flags & ts.NodeFlags.Const ? "const" : "let";
      for (const { name } of node.declarationList.declarations) for (const bound of boundNames(name)) add(bound, form, exported);
    } else if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) add(node.name, "type", exported);
    else if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isEnumDeclaration(node)) add(node.name, "alias", exported);
    else if (ts.isModuleDeclaration(node) && !(node.flags & ts.NodeFlags.GlobalAugmentation)) add(node.name, "alias", exported);
    else if (ts.isImportEqualsDeclaration(node)) add(node.name, "alias", exported);
    else if (ts.isImportDeclaration(node)) {
      const { name, namedBindings } = node.importClause ?? {};
      add(name, "alias");
      if (namedBindings && ts.isNamespaceImport(namedBindings)) add(namedBindings.name, "alias");
      else if (namedBindings) for (const element of namedBindings.elements) add(element.name, "alias");
    } else for (const name of functionScoped(node)) add(name, "let", exported);
  }
  return found;
}

function has(node: ts.HasModifiers, kind: ts.SyntaxKind): boolean {
  return node.modifiers?.some((modifier) => modifier.kind === kind) ?? false;
}

/** The names of `var` in a statement. */
function functionScoped(statement: ts.Statement): ts.Identifier[] {
  const found: ts.Identifier[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) return;
    if (ts.isVariableDeclarationList(node) && !(node.flags & ts.NodeFlags.BlockScoped)) {
      for (const { name } of node.declarations) found.push(...boundNames(name));
    }
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return found;
}

/** Every identifier in the text, whatever it stands for. */
export function spokenNames(file: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}
