import type { Message } from "../wire.js";
import { type CodeCell, joined } from "./file.js";

const INDENT = " ".repeat(11);
const BAR_SECONDS = 5;
const WIDTH = 110;

/** Tells a notebook's run line by line: each cell's start, what it prints as it comes, and a line of a progress bar now and then. */
export class NotebookProgress {
  readonly #say: (line: string) => void;
  readonly #now: () => number;
  readonly #began: number;
  readonly #partial = new Map<string, string>();
  #barAt = Number.NEGATIVE_INFINITY;

  /** `now`: the clock, in seconds. */
  constructor(say: (line: string) => void, now: () => number = () => performance.now() / 1000) {
    this.#say = say;
    this.#now = now;
    this.#began = now();
  }

  get seconds(): number {
    return this.#now() - this.#began;
  }

  start(index: number, cell: CodeCell): void {
    const first = joined(cell.source)
      .split("\n")
      .find((line) => line.trim());
    this.#say(`  [${this.seconds.toFixed(0).padStart(5)} s] cell ${index}: ${(first ?? "").slice(0, WIDTH)}`);
  }

  hear({ header, content }: Message): void {
    if (header.msg_type === "stream") this.#stream(String(content.name), String(content.text));
    if (header.msg_type === "update_display_data") this.#bar((content.data as { [mime: string]: unknown } | undefined)?.["text/plain"]);
  }

  /** Says what no line break has ended yet. */
  end(): void {
    for (const text of this.#partial.values()) if (text) this.#line(text);
    this.#partial.clear();
  }

  #stream(name: string, text: string): void {
    const lines = `${this.#partial.get(name) ?? ""}${text}`.split("\n");
    const rest = lines.pop() ?? "";
    this.#partial.set(name, rest.slice(rest.lastIndexOf("\r", rest.length - 2) + 1)); // only what a terminal would still show
    for (const line of lines) this.#line(line);
  }

  #line(text: string): void {
    const shown = text.replace(/\r$/, "");
    this.#say(`${INDENT}${shown.slice(shown.lastIndexOf("\r") + 1)}`);
  }

  /** Bars are displays that are redrawn, with their state as one line of plain text. */
  #bar(text: unknown): void {
    if (typeof text !== "string" || text.trim() === "" || text.includes("\n") || this.#now() - this.#barAt <= BAR_SECONDS) return;
    this.#barAt = this.#now();
    this.#line(text.slice(0, 200));
  }
}
