/** Rows that are mostly zeros: row `i` has `values[k]` in column `columns[k]`, for k from `starts[i]` to `starts[i + 1]`. */
export type SparseRows = { rows: number; width: number; starts: Int32Array; columns: Int32Array; values: Float64Array };

/** The same with one more column, the last, which is 1 everywhere. */
export function withOnes({ rows, width, starts, columns, values }: SparseRows): SparseRows {
  const [wider, ones] = [new Int32Array(columns.length + rows), new Float64Array(values.length + rows)];
  for (let row = 0; row < rows; row++) {
    const [from, to] = [starts[row]!, starts[row + 1]!];
    wider.set(columns.subarray(from, to), from + row);
    ones.set(values.subarray(from, to), from + row);
    wider[to + row] = width;
    ones[to + row] = 1;
  }
  return { rows, width: width + 1, starts: starts.map((start, i) => start + i), columns: wider, values: ones };
}

/** Rows and columns exchanged; each new row's columns ascend. */
export function transposed({ rows, width, starts, columns, values }: SparseRows): SparseRows {
  const begins = new Int32Array(width + 1);
  for (const column of columns) begins[column + 1]!++;
  for (let i = 0; i < width; i++) begins[i + 1]! += begins[i]!;
  const next = begins.slice();
  const turned = { columns: new Int32Array(columns.length), values: new Float64Array(values.length) };
  for (let row = 0; row < rows; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const place = next[columns[at]!]!++;
      turned.columns[place] = row;
      turned.values[place] = values[at]!;
    }
  }
  return { rows: width, width: rows, starts: begins, ...turned };
}

/** Rows times a matrix `[width, outputs]`: `[rows, outputs]`. */
export function times({ rows, starts, columns, values }: SparseRows, matrix: Float64Array, outputs: number): Float64Array {
  const result = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [starts[row]!, starts[row + 1]!];
    for (let output = 0; output < outputs; output++) {
      let sum = 0;
      for (let at = from; at < to; at++) sum += values[at]! * matrix[columns[at]! * outputs + output]!;
      result[row * outputs + output] = sum;
    }
  }
  return result;
}
