import { cut } from "../core/cut.js";
import { type BootstrapOptions, bootstrapMean } from "./bootstrap.js";
import type { EqResults, EqRow } from "./eq-rows.js";
import { CUT } from "./failures.js";
import { groupsBy, meanOf } from "./groups.js";
import { CLAIM } from "./planned.js";
import { commonest } from "./quality.js";
import type { Comparison } from "./statistics.js";
import type { EqSummary, HumanSummary, OfficialSummary, SummaryRow } from "./summary.js";

type Tables = Omit<EqSummary, "findings"> & {
  /** Planned questions that could not be asked. */
  missing: readonly string[];
};

/** What the tables show, in words: whether the run is whole, the verdicts, then what stands against them. */
export function findingsOf(results: EqResults, tables: Tables, options: BootstrapOptions): string[] {
  return [
    ...(tables.partial ? [`${tables.partial}: nothing here holds for all.`] : []),
    ...verdicts(tables),
    ...controlFindings(results, tables, options),
    ...officialFindings(tables.official),
    ...humanFindings(tables.human),
    ...samenessFindings(results),
    ...truncationFindings(results),
    ...failureFindings(tables.failures),
  ];
}

/** A sentence for each planned comparison, for each other evaluator that judges otherwise, and for what could not be compared. */
function verdicts(tables: Tables): string[] {
  const { comparisons, otherEvaluators, missing, evaluators } = tables;
  if (comparisons.length === 0) return [];
  const own = comparisons.map(({ question, sentence, verdict }) => {
    const doubt = question.startsWith(CLAIM) && verdict === "supported" ? ceilingFinding(tables) : "";
    return `${question} ${sentence}${doubt}`;
  });
  const verdictOn = (name: string) =>
    comparisons.find((comparison) => comparison.name === name && comparison.metric === "EQ score")?.verdict;
  const otherwise = otherEvaluators.filter(({ name, verdict }) => verdict !== verdictOn(name));
  const said = ({ name, metric, sentence }: Comparison) =>
    `${name}, by another evaluator (${metric.replace("EQ score by ", "")}): ${sentence}`;
  const scorer = evaluators[0] ? [`The EQ score is that of ${evaluators[0].name}, which chose nothing.`] : [];
  const left = missing.length === 0 ? [] : [`Not asked, since a variant or head for it is missing: ${missing.join(" ")}`];
  return [...own, ...scorer, ...otherwise.map(said), ...left];
}

/** What stands against a higher EQ score as such: a constant or a copy above everything that a model said. */
function ceilingFinding({ configurations, controls }: Tables): string {
  const top = Math.max(...configurations.map(({ eq }) => eq.mean));
  const above = controls.filter(({ variant, eq }) => variant === "–" && eq.mean > top);
  if (above.length === 0) return "";
  const named = above.map(({ configuration, eq }) => `${configuration} (${eq.mean.toFixed(3)})`);
  return ` But ${listed(named)}, which no model wrote, ${above.length === 1 ? "scores" : "score"} above every configuration: a higher EQ score is no proof of empathy.`;
}

/** A sentence for each control whose mean EQ score is above that of a configuration. */
function controlFindings(results: EqResults, { configurations, controls }: Tables, options: BootstrapOptions): string[] {
  const beatenBy = (control: SummaryRow) =>
    configurations.filter(({ eq }) => eq.mean < control.eq.mean).sort((a, b) => b.eq.mean - a.eq.mean);
  const count = (beaten: readonly SummaryRow[]) =>
    beaten.length === configurations.length ? `all ${beaten.length}` : `${beaten.length} of ${configurations.length}`;
  const written = controls.filter(({ variant }) => variant === "–");
  const sentences = written.flatMap((control) => {
    const beaten = beatenBy(control);
    const [best] = beaten;
    if (!best) return [];
    const [high, low] = [questionMeans(results.controls, control), questionMeans(results.rows, best)];
    const differences = [...high].map(([question, value]) => value - low.get(question)!);
    const gap = bootstrapMean(differences, options)!;
    const distance = `by ${gap.mean.toFixed(3)} [${gap.low.toFixed(3)}, ${gap.high.toFixed(3)}]${gap.low > 0 ? "" : `, which n = ${control.n} does not settle`}`;
    return `EQ score: the control ${control.configuration} (${control.eq.mean.toFixed(3)}) beats ${count(beaten)} configurations, among them ${nameOf(best)} (${best.eq.mean.toFixed(3)}) ${distance}.`;
  });
  // Answers of a variant that were put to other questions: all variants' in one sentence.
  const swapped = controls.filter((control) => control.variant !== "–" && beatenBy(control).length > 0);
  const shuffled = swapped.map((control) => `that of ${control.variant} (${control.eq.mean.toFixed(3)}) ${count(beatenBy(control))}`);
  const others = swapped.length > 0 ? [`EQ score: a response to another question beats configurations too: ${listed(shuffled)}.`] : [];
  const all = [...sentences, ...others];
  return all.length > 0 ? all : ["EQ score: no control beats a configuration."];
}

/** The EQ score of each question, over the seeds. */
function questionMeans(rows: readonly EqRow[], { variant, configuration }: SummaryRow): Map<string, number> {
  const own = rows.filter((row) => row.variant === variant && row.configuration === configuration);
  return new Map(groupsBy(own, ({ questionId }) => [questionId]).map((group) => [group[0]!.questionId, meanOf(group.map(({ eq }) => eq))]));
}

/** Variants of which the same is to be said share a sentence. */
function officialFindings(rows: readonly OfficialSummary[]): string[] {
  const variants = rows.filter(({ kind }) => kind === "sample");
  // The reference itself is perfect by construction.
  const controls = rows.filter(({ kind, name }) => kind === "control" && name !== "Reference-style answer");
  const score = ({ name, totals }: OfficialSummary) => `${name} (${totals.lmEval.toFixed(1)})`;
  const beating = ({ totals }: OfficialSummary) =>
    controls
      .filter((control) => control.totals.lmEval > totals.lmEval)
      .map(score)
      .join(", ");
  const beaten = groupsBy(
    variants.filter((variant) => beating(variant) !== ""),
    (variant) => [beating(variant)],
  );
  const reasonOf = ({ totals: { official } }: OfficialSummary) => (official.kind === "failed" ? official.reason : "");
  const failed = groupsBy(
    variants.filter((variant) => reasonOf(variant) !== ""),
    (variant) => [reasonOf(variant)],
  );
  return [
    ...beaten.map(
      (group) => `Official EQ-Bench, unusable answers as 0: ${listed(group.map(score))} ${isAre(group)} beaten by ${beating(group[0]!)}.`,
    ),
    ...failed.map((group) => {
      const fails = group.length === 1 ? "fails" : "fail";
      return `Official EQ-Bench: ${listed(group.map(({ name }) => name))} ${fails} by the authors' rule: ${reasonOf(group[0]!)}.`;
    }),
  ];
}

/** "a", "a and b", "a; b and c": names hold commas themselves. */
const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join("; ")} and ${names.at(-1)}`;

const isAre = (group: readonly unknown[]): string => (group.length === 1 ? "is" : "are");

/** Where people's own replies stand: a score that puts something else above them measures something else. */
function humanFindings(rows: readonly HumanSummary[]): string[] {
  const people = rows.find(({ kind }) => kind === "human");
  if (!people) return [];
  const above = rows.filter((row) => row.mass.mean > people.mass.mean);
  const named = (row: HumanSummary) => `${row.kind === "control" ? row.configuration : row.variant} (${row.mass.mean.toFixed(3)})`;
  const own = `Held-out dialogues, empathy mass: people's own replies (${people.mass.mean.toFixed(3)}, n = ${people.n})`;
  return [above.length === 0 ? `${own} are above all models and controls.` : `${own} are below ${above.map(named).join(", ")}.`];
}

/** From which share and number on it is said that replies are one and the same, and how many such systems are named. */
const SAME_SHARE = 0.1;
const SAME_LEAST = 3;
const SAME_NAMED = 3;

/** A model that says the same whatever it is told has learnt a phrase. Empty replies are failures and told there. */
function samenessFindings({ rows }: EqResults): string[] {
  const found = groupsBy(rows, ({ variant, configuration, seed }) => [variant, configuration, seed])
    .map((group) => {
      const { text, count } = commonest(group.map(({ response }) => response).filter((response) => response.trim() !== ""));
      return { row: group[0]!, text, count, of: group.length };
    })
    .filter(({ count, of }) => count >= SAME_LEAST && count >= SAME_SHARE * of)
    .sort((a, b) => b.count / b.of - a.count / a.of);
  if (found.length === 0) return [];
  const named = found
    .slice(0, SAME_NAMED)
    .map(({ row, text, count, of }) => `“${cut(text, 60)}” is ${count} of ${of} by ${nameOf(row)}, seed ${row.seed}`);
  const rest = found.length > SAME_NAMED ? [`${found.length - SAME_NAMED} more like that`] : [];
  return [`One and the same response to different questions: ${listed([...named, ...rest])}.`];
}

/** A model that does not see the dialogue cannot answer it. */
function truncationFindings({ rows }: EqResults): string[] {
  const own = rows.filter(({ configuration }) => configuration === "No Heads (Baseline)");
  const lost = groupsBy(own, ({ variant }) => [variant]).flatMap((group) => {
    const lossy = group.filter(({ truncated }) => truncated > 0);
    if (lossy.length === 0) return [];
    const tokens = meanOf(lossy.map(({ truncated }) => truncated)).toFixed(0);
    return {
      variant: group[0]!.variant,
      said: `${lossy.length} of ${group.length} prompts did not fit the model and lost their beginning, ${tokens} tokens on average`,
    };
  });
  return groupsBy(lost, ({ said }) => [said]).map((group) => `${listed(group.map(({ variant }) => variant))}: ${group[0]!.said}.`);
}

/** One sentence a reason. An answer that was cut is none: models stop where they are told to. */
function failureFindings(failures: EqSummary["failures"]): string[] {
  const real = failures.filter(({ reason }) => reason !== CUT);
  return groupsBy(real, ({ reason }) => [reason]).map((group) => {
    const counts = group.map(({ variant, count, of }) => `${count} of ${of} by ${variant}`);
    return `Answers that failed and were scored as they are, ${group[0]!.reason}: ${listed(counts)}.`;
  });
}

const nameOf = ({ variant, configuration }: Pick<SummaryRow, "variant" | "configuration">): string =>
  variant === "–" ? configuration : `${variant} · ${configuration}`;
