/** After types are stripped: top-level declarations in the one form that V8's REPL mode lets later cells make anew, `let` and `class`. */
import { ts } from "../language/typescript.js";
import { call } from "./kernel-calls.js";
import { liftVars, varNames } from "./vars.js";

const { factory } = ts;

export const openDeclarations: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
  const functions = new Map<string, ts.Statement>();
  const imports: ts.Statement[] = [];
  const rest: ts.Statement[] = [];
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement)) {
      if (statement.name && statement.body) functions.set(statement.name.text, hoisted(statement, statement.name));
    } else if (ts.isImportDeclaration(statement)) imports.push(...imported(statement));
    else if (ts.isExportDeclaration(statement)) {
      if (statement.moduleSpecifier) imports.push(run(call("import", [statement.moduleSpecifier], statement), statement));
    } else if (!ts.isExportAssignment(statement) && !isStrictDirective(statement)) rest.push(opened(statement));
  }
  const vars = varNames(rest).filter((name) => !functions.has(name));
  const lifted = rest.flatMap((statement) => liftVars(statement, context));
  const declared = vars.map((name) => factory.createVariableDeclaration(name));
  const statements = [
    factory.createExpressionStatement(factory.createStringLiteral("use strict")),
    ...functions.values(),
    ...(declared.length > 0 ? [letStatement(declared)] : []),
    ...imports,
    ...lifted,
  ];
  return factory.updateSourceFile(file, ts.setTextRange(factory.createNodeArray(statements), file.statements));
};

function isStrictDirective(statement: ts.Statement): boolean {
  return ts.isExpressionStatement(statement) && ts.isStringLiteral(statement.expression) && statement.expression.text === "use strict";
}

function letStatement(declarations: readonly ts.VariableDeclaration[]): ts.Statement {
  return factory.createVariableStatement(undefined, factory.createVariableDeclarationList(declarations, ts.NodeFlags.Let));
}

/** `let f = function () {...}`: without a name of its own, so that a call of itself finds what `f` is then. */
function hoisted(node: ts.FunctionDeclaration, name: ts.Identifier): ts.Statement {
  const modifiers = node.modifiers?.filter((modifier) => modifier.kind === ts.SyntaxKind.AsyncKeyword);
  const { asteriskToken, parameters, body } = node;
  const value = factory.createFunctionExpression(modifiers, asteriskToken, undefined, undefined, parameters, undefined, body!);
  ts.setTextRange(value, node);
  return letStatement([factory.createVariableDeclaration(name, undefined, undefined, value)]);
}

/** Statements that do an import's work; its bindings become variables. */
function imported(node: ts.ImportDeclaration): ts.Statement[] {
  const { importClause, moduleSpecifier, attributes } = node;
  const loaded = factory.createAwaitExpression(call("import", [moduleSpecifier, ...(attributes ? [withOption(attributes)] : [])], node));
  const bindings = importClause?.namedBindings;
  const names: ts.BindingElement[] = [];
  if (importClause?.name) names.push(binding("default", importClause.name));
  if (bindings && ts.isNamedImports(bindings)) {
    for (const { propertyName, name } of bindings.elements) names.push(binding(propertyName?.text ?? name.text, name));
  }
  const statements: ts.Statement[] = [];
  let source: ts.Expression = loaded;
  if (bindings && ts.isNamespaceImport(bindings)) {
    statements.push(letStatement([factory.createVariableDeclaration(bindings.name, undefined, undefined, loaded)]));
    source = bindings.name;
  }
  if (names.length > 0) {
    const pattern = factory.createObjectBindingPattern(names);
    statements.push(letStatement([factory.createVariableDeclaration(pattern, undefined, undefined, source)]));
  }
  return (statements.length > 0 ? statements : [factory.createExpressionStatement(loaded)]).map((made) => ts.setTextRange(made, node));
}

function binding(exported: string, name: ts.Identifier): ts.BindingElement {
  const same = exported === name.text;
  return factory.createBindingElement(undefined, same ? undefined : factory.createStringLiteral(exported), name);
}

/** `with {type: "json"}` as `import()` takes it. */
function withOption(attributes: ts.ImportAttributes): ts.Expression {
  const pairs = attributes.elements.map(({ name, value }) =>
    factory.createPropertyAssignment(factory.createStringLiteral(name.text), value),
  );
  return factory.createObjectLiteralExpression([factory.createPropertyAssignment("with", factory.createObjectLiteralExpression(pairs))]);
}

function run(expression: ts.Expression, place: ts.TextRange): ts.Statement {
  return ts.setTextRange(factory.createExpressionStatement(factory.createAwaitExpression(expression)), place);
}

/** The declaration without `export`, `const` as `let`. */
function opened(statement: ts.Statement): ts.Statement {
  if (ts.isVariableStatement(statement)) {
    const { declarations, flags } = statement.declarationList;
    const list = flags & ts.NodeFlags.BlockScoped ? factory.createVariableDeclarationList(declarations, ts.NodeFlags.Let) : undefined;
    const kept = list ? ts.setTextRange(list, statement.declarationList) : statement.declarationList;
    return factory.updateVariableStatement(statement, undefined, kept);
  }
  if (ts.isClassDeclaration(statement)) {
    return factory.updateClassDeclaration(statement, undefined, statement.name, undefined, statement.heritageClauses, statement.members);
  }
  return statement;
}
