import type { StoredRun } from "./stored.js";

type Row = Record<string, string | number | null>;

/** A line for each head that was saved, from its card: what it was trained on and what it reached on held-out texts. */
export const headRows = (heads: StoredRun["heads"]): Row[] =>
  heads.map(({ file, card }) => {
    const metrics = card.metrics as Record<string, unknown>;
    const tuned = (metrics.tuned ?? metrics.f1) as Record<string, unknown> | undefined;
    const [low, high] = ["low", "high"].map((end) => number((tuned?.macroF1Interval as Record<string, unknown> | undefined)?.[end]));
    const control = metrics.control as Record<string, unknown> | null | undefined;
    return {
      ...{
        head: card.task,
        file,
        pooling: String(card.pooling.pooling),
        "training texts": number(card.data.counts.train),
        "test texts": number(card.data.counts.test),
      },
      ...{ "macro F1": number(tuned?.macroF1), low: low ?? null, high: high ?? null },
      "control's macro F1": number(control?.macroF1),
      "against the control": typeof control?.verdict === "string" ? control.verdict : null,
      accuracy: number((metrics.accuracy as Record<string, unknown> | undefined)?.mean),
      "mean average precision": number(metrics.meanAveragePrecision),
      "calibration error": number(metrics.calibrationError),
    };
  });

/** What each head's report says of the control, in words. */
export const headSentences = (heads: StoredRun["heads"]): string[] =>
  heads.flatMap(({ card }) => {
    const control = card.metrics.control as Record<string, unknown> | null | undefined;
    return typeof control?.sentence === "string" ? [`${card.task}: ${control.sentence}`] : [];
  });

const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
