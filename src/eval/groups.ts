/** Rows with the same key together, in the order of the first of each. */
export function groupsBy<Row>(rows: readonly Row[], key: (row: Row) => readonly (string | number)[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = JSON.stringify(key(row));
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  return [...groups.values()];
}

/** How many different ones there are. */
export const distinctCount = <Row>(rows: readonly Row[], key: (row: Row) => string | number): number => new Set(rows.map(key)).size;

export const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The standard deviation of the groups' means, such as those of the seeds; `null` for a single group. */
export function spreadOver<Row>(rows: readonly Row[], key: (row: Row) => string | number, value: (row: Row) => number): number | null {
  const means = groupsBy(rows, (row) => [key(row)]).map((group) => meanOf(group.map(value)));
  if (means.length < 2) return null;
  const middle = meanOf(means);
  return Math.sqrt(means.reduce((sum, mean) => sum + (mean - middle) ** 2, 0) / (means.length - 1));
}
