/** `var` outside functions: its names become `let` at the top of the cell, its initializers become assignments. */
import { ts } from "../language/typescript.js";

const { factory } = ts;

const isVar = (list: ts.Node): list is ts.VariableDeclarationList =>
  ts.isVariableDeclarationList(list) && (list.flags & ts.NodeFlags.BlockScoped) === 0;

/** Whether `var` inside of `node` belongs to it. */
const ownsVars = (node: ts.Node): boolean => ts.isFunctionLike(node) || ts.isClassLike(node);

/** The names that `var` declares in `statements`, blocks and loops in them included, each once. */
export function varNames(statements: readonly ts.Statement[]): string[] {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ownsVars(node)) return;
    if (isVar(node)) for (const { name } of node.declarations) for (const bound of boundNames(name)) names.add(bound.text);
    ts.forEachChild(node, visit);
  };
  statements.forEach(visit);
  return [...names];
}

/** The identifiers that a binding declares. */
export function boundNames(name: ts.BindingName): ts.Identifier[] {
  if (ts.isIdentifier(name)) return [name];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : boundNames(element.name)));
}

/** `statement` without `var`: nothing is left of one that only declares. */
export function liftVars(statement: ts.Statement, context: ts.TransformationContext): ts.Statement[] {
  const visit = (node: ts.Node): ts.Node | undefined => {
    if (ownsVars(node)) return node;
    if (ts.isVariableStatement(node) && isVar(node.declarationList)) {
      const value = assignments(ts.visitEachChild(node.declarationList, visit, context));
      return value ? ts.setTextRange(factory.createExpressionStatement(value), node) : factory.createEmptyStatement();
    }
    if (isVar(node)) {
      const visited = ts.visitEachChild(node, visit, context);
      if (isLoopTarget(node)) return target(visited.declarations[0]!.name);
      return assignments(visited);
    }
    return ts.visitEachChild(node, visit, context);
  };
  const parents = loopTargets(statement);
  const isLoopTarget = (list: ts.Node): boolean => parents.has(list);
  const visited = visit(statement) as ts.Statement;
  return ts.isEmptyStatement(visited) ? [] : [visited];
}

/** The `var` lists that stand in the head of a `for ... of` or `for ... in`. Nodes made by a transformer have no parent to ask. */
function loopTargets(statement: ts.Statement): Set<ts.Node> {
  const found = new Set<ts.Node>();
  const visit = (node: ts.Node): void => {
    if (ownsVars(node)) return;
    if (ts.isForOfStatement(node) || ts.isForInStatement(node)) found.add(node.initializer);
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return found;
}

function assignments({ declarations }: ts.VariableDeclarationList): ts.Expression | undefined {
  const made = declarations.flatMap(({ name, initializer }) =>
    initializer ? [ts.setTextRange<ts.Expression>(factory.createAssignment(target(name), initializer), name)] : [],
  );
  return made.length > 0 ? made.reduce((left, right) => factory.createComma(left, right)) : undefined;
}

/** A binding pattern as what stands left of `=`. */
function target(name: ts.BindingName): ts.Expression {
  if (ts.isIdentifier(name)) return name;
  if (ts.isArrayBindingPattern(name)) {
    return factory.createArrayLiteralExpression(
      name.elements.map((element) => {
        if (ts.isOmittedExpression(element)) return factory.createOmittedExpression();
        const value = withDefault(target(element.name), element.initializer);
        return element.dotDotDotToken ? factory.createSpreadElement(value) : value;
      }),
    );
  }
  return factory.createObjectLiteralExpression(
    name.elements.map((element) => {
      if (element.dotDotDotToken) return factory.createSpreadAssignment(target(element.name));
      const key = element.propertyName ?? factory.createIdentifier((element.name as ts.Identifier).text);
      return factory.createPropertyAssignment(key, withDefault(target(element.name), element.initializer));
    }),
  );
}

function withDefault(value: ts.Expression, initializer: ts.Expression | undefined): ts.Expression {
  return initializer ? factory.createAssignment(value, initializer) : value;
}
