import { type Displayable, displayable, hasKernel, type LiveDisplay, liveDisplay } from "./display.js";
import { escapeHtml } from "./html.js";

export type Progress = {
  /** `finished` of the total is done; `note` says what else there is to know, for instance the loss. */
  update(finished: number, note?: string): void;
  /** Says something new about the same state. */
  note(text: string): void;
  /** The last state, always shown; where nothing was counted, all is taken as done. */
  done(note?: string): void;
};

export type ProgressOptions = {
  /** Where lines go where no display can be updated; each ends without a line break. */
  write?: (line: string) => void;
  /** Lines instead of a bar; as the environment says unless told: Kaggle's batch runs, or `EQLAB_BATCH`. */
  batch?: boolean;
  /** The clock, in milliseconds. */
  now?: () => number;
};

type State = { label: string; finished: number; total: number | null; note: string; seconds: number; done: boolean };

const BAR_INTERVAL = 100;
const LINE_INTERVAL = 5000;

/**
 * Shows how far a loop has come: in a notebook one bar that is redrawn at most ten times a second; in a batch run or without a kernel
 * one line at most every five seconds. `total` may be `null` where it is not known.
 */
export function progress(total: number | null, label: string, options: ProgressOptions = {}): Progress {
  const { now = () => performance.now(), batch = isBatch(), write = defaultWrite } = options;
  const bar: LiveDisplay | null = hasKernel() && !batch ? liveDisplay() : null;
  const interval = bar ? BAR_INTERVAL : LINE_INTERVAL;
  const began = now();
  let shownAt = bar ? Number.NEGATIVE_INFINITY : began; // the bar stands there at once, the first line after its time
  let state: State = { label, finished: 0, total, note: "", seconds: 0, done: false };
  const change = (to: Partial<State>): void => {
    if (state.done) return;
    const time = now();
    state = { ...state, ...to, seconds: (time - began) / 1000 };
    if (!state.done && time - shownAt < interval) return;
    shownAt = time;
    if (bar) bar.show(view(state));
    else write(text(state));
  };
  if (bar) change({});
  return {
    update: (finished, note) => change(note === undefined ? { finished } : { finished, note }),
    note: (note) => change({ note }),
    done: (note) => change({ done: true, finished: state.finished || (total ?? 0), ...(note !== undefined && { note }) }),
  };
}

const isBatch = (): boolean => process.env.KAGGLE_KERNEL_RUN_TYPE === "Batch" || Boolean(process.env.EQLAB_BATCH);

/** Under a kernel into the cell, else beside what the program itself prints. */
function defaultWrite(line: string): void {
  (hasKernel() ? process.stdout : process.stderr).write(`${line}\n`);
}

const view = (state: State): Displayable => displayable({}, () => ({ "text/html": html(state), "text/plain": text(state) }));

function text({ label, finished, total, note, seconds, done }: State): string {
  const parts = [total === null ? `${finished}` : `${finished}/${total}`];
  if (total) parts.push(`${Math.floor((100 * finished) / total)} %`);
  if (note) parts.push(note);
  parts.push(duration(seconds));
  const left = secondsLeft(finished, total, seconds);
  if (!done && left !== null) parts.push(`${duration(left)} left`);
  return `${label} ${parts.join(" · ")}`;
}

function html(state: State): string {
  const { total, finished, done } = state;
  const part = total ? Math.min(100, (100 * finished) / total) : done ? 100 : 0;
  const colour = done ? "#009e73" : "#0072b2";
  const track = `<div style="flex:0 0 200px;height:8px;border-radius:4px;background:rgba(128,128,128,.25);overflow:hidden">`;
  return (
    `<div style="display:flex;align-items:center;gap:12px;font-size:13px;font-variant-numeric:tabular-nums">` +
    `${track}<div style="width:${part.toFixed(1)}%;height:100%;background:${colour}"></div></div>${escapeHtml(text(state))}</div>`
  );
}

/** From the mean speed so far. */
function secondsLeft(finished: number, total: number | null, seconds: number): number | null {
  if (!total || finished <= 0 || finished > total) return null;
  return (seconds / finished) * (total - finished);
}

/** 7 s, 2:05 or 1:02:05. */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
