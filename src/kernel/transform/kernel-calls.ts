/** Before types are stripped: what a cell asks of the kernel (awaits, imports, its last value) becomes calls of `__kernel`. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ts } from "../language/typescript.js";
import type { Wrapped } from "./prepare.js";

const { factory } = ts;

/** `folder` is what `import.meta` speaks of; `wrapped` where a parenthesis was put into the cell. */
export function kernelCalls({ folder, wrapped }: { folder: string; wrapped: Wrapped | undefined }): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (file) => {
    // Columns behind the parenthesis are those of the cell: the line is said to begin one later. The source map is made with this table.
    if (wrapped) (file.getLineStarts() as number[])[wrapped.line]! += 1;
    const visit = (node: ts.Node): ts.Node => {
      if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return node;
      const visited = ts.visitEachChild(node, visit, context);
      if (ts.isAwaitExpression(visited))
        return factory.updateAwaitExpression(visited, call("wait", [visited.expression], visited.expression));
      if (ts.isForOfStatement(visited) && visited.awaitModifier) {
        const source = call("iterate", [visited.expression], visited.expression);
        return factory.updateForOfStatement(visited, visited.awaitModifier, visited.initializer, source, visited.statement);
      }
      if (ts.isCallExpression(visited) && visited.expression.kind === ts.SyntaxKind.ImportKeyword) {
        return call("import", visited.arguments, visited);
      }
      if (ts.isMetaProperty(visited) && visited.keywordToken === ts.SyntaxKind.ImportKeyword) return importMeta(folder);
      return visited;
    };
    const statements = file.statements.map((statement) => plainStatement(ts.visitNode(statement, visit) as ts.Statement));
    const last = statements.findLastIndex((statement) => !ts.isEmptyStatement(statement));
    const value = statements[last];
    if (value && ts.isExpressionStatement(value)) {
      // The parenthesis itself has no place in the cell.
      const given = wrapped && ts.isParenthesizedExpression(value.expression) ? value.expression.expression : value.expression;
      const assignment = factory.createAssignment(member("last"), given);
      statements[last] = ts.setTextRange(factory.createExpressionStatement(assignment), wrapped ? given : value);
    }
    return factory.updateSourceFile(file, ts.setTextRange(factory.createNodeArray(statements), file.statements));
  };
}

function member(name: string): ts.PropertyAccessExpression {
  return factory.createPropertyAccessExpression(factory.createIdentifier("__kernel"), name);
}

/** `__kernel.name(...)`; `place` is what the source map gives for it. */
export function call(name: string, values: readonly ts.Expression[], place: ts.TextRange): ts.Expression {
  return ts.setTextRange(factory.createCallExpression(member(name), undefined, values), place);
}

/** Statements that only modules may have, as ones that a script may; `export` of a declaration goes later. */
function plainStatement(statement: ts.Statement): ts.Statement {
  if (ts.isExportAssignment(statement)) return expressionStatement(statement.expression, statement);
  if (ts.isFunctionDeclaration(statement) && !statement.name && statement.body) {
    const { modifiers, asteriskToken, typeParameters, parameters, type, body } = statement;
    const kept = modifiers?.filter((modifier) => modifier.kind === ts.SyntaxKind.AsyncKeyword);
    return expressionStatement(
      factory.createParenthesizedExpression(
        factory.createFunctionExpression(kept, asteriskToken, undefined, typeParameters, parameters, type, body),
      ),
      statement,
    );
  }
  if (ts.isClassDeclaration(statement) && !statement.name) {
    const { modifiers, typeParameters, heritageClauses, members } = statement;
    const kept = modifiers?.filter((modifier) => ts.isDecorator(modifier));
    return expressionStatement(
      factory.createParenthesizedExpression(factory.createClassExpression(kept, undefined, typeParameters, heritageClauses, members)),
      statement,
    );
  }
  if (ts.isImportEqualsDeclaration(statement) && ts.isExternalModuleReference(statement.moduleReference)) {
    if (statement.isTypeOnly) return factory.createEmptyStatement();
    const required = factory.createCallExpression(factory.createIdentifier("require"), undefined, [statement.moduleReference.expression]);
    const declaration = factory.createVariableDeclaration(statement.name, undefined, undefined, required);
    const list = factory.createVariableDeclarationList([declaration], ts.NodeFlags.Let);
    return ts.setTextRange(factory.createVariableStatement(undefined, list), statement);
  }
  return statement;
}

function expressionStatement(expression: ts.Expression, place: ts.TextRange): ts.Statement {
  return ts.setTextRange(factory.createExpressionStatement(expression), place);
}

function importMeta(folder: string): ts.Expression {
  const filename = join(folder, "cell.ts");
  const properties = { url: pathToFileURL(filename).href, dirname: folder, filename };
  const literals = Object.entries(properties).map(([name, value]) =>
    factory.createPropertyAssignment(name, factory.createStringLiteral(value)),
  );
  return factory.createParenthesizedExpression(factory.createObjectLiteralExpression(literals));
}
