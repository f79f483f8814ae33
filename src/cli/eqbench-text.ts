import type { EqQuestion } from "../data/record.js";
import type { Interval } from "../eval/bootstrap.js";
import type { EqBenchReport } from "../eval/eq-bench-report.js";

/** A report as text for a terminal: the scores in each convention, the controls beside them, every question, and what it says in words. */
export function reportText(report: EqBenchReport, questions: readonly EqQuestion[]): string {
  const { version, totals, interval, lenient, pass, partial } = report;
  const { official, n } = totals;
  const share = (count: number) => `${count} of ${n} answers (${((100 * count) / n).toFixed(1)} %)`;
  const scores = [
    ["EQ-Bench, the authors' rule", official.kind === "score" ? points(official.score) : "FAILED", `usable: ${share(totals.parseable)}`],
    ["EQ-Bench, lm-eval's rule", points(totals.lmEval), `${range(interval)}, parseable: ${share(totals.lmEvalParseable)}`],
    [
      "Lenient reading, no EQ-Bench score",
      lenient.score === null ? "–" : points(lenient.score),
      `ratings found in ${share(lenient.parseable)}; the rest as 0: ${points(lenient.zeroed)}`,
    ],
  ];
  const controls = report.controls.map(({ name, score, difference }) => {
    return [name, points(score.mean), `${range(score)}, these answers minus it: ${signed(difference.mean)} ${range(difference)}`];
  });
  const head = `EQ-Bench v${version}, ${n} questions${pass ? `, ${pass} answers count` : ""}${partial ? `, PARTIAL: ${partial}` : ""}`;
  return [
    `${head}\n`,
    table(scores),
    "\nWithout understanding (unusable answers as 0)\n",
    table(controls),
    "\nQuestion by question (10 is perfect)\n",
    table(report.questions.map((item, i) => questionRow(item, questions[i]!))),
    `\n${report.findings.map((finding) => `- ${finding}`).join("\n")}`,
  ].join("\n");
}

function questionRow({ id, lmEval, ratings, reason }: EqBenchReport["questions"][number], { emotions }: EqQuestion): string[] {
  const said = ratings ? emotions.map((name, i) => `${name} ${ratings[i]}`).join(", ") : "";
  return [id, lmEval === null ? "–" : points(lmEval), [said, reason].filter(Boolean).join(": ")];
}

/** The first column on the left, the second on the right, the third as it is. */
function table(rows: readonly (readonly string[])[]): string {
  const width = (column: number) => Math.max(0, ...rows.map((row) => row[column]!.length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([name, value, rest]) => `  ${name!.padEnd(first)}  ${value!.padStart(second)}  ${rest}`.trimEnd()).join("\n");
}

const points = (value: number): string => value.toFixed(2);
const signed = (value: number): string => `${value < 0 ? "" : "+"}${points(value)}`;
const range = ({ low, high }: Interval): string => `[${points(low)}, ${points(high)}]`;
