/** The tagged templates of cells: pieces of Markdown, HTML and SVG that show themselves. */
import { displaySymbol } from "./display-symbol.js";
import { escapeHtml } from "./format/html.js";
import type { MimeData } from "./messages.js";

/** Text in a markup language; `String(piece)` is the text. */
export class Markup {
  constructor(
    readonly mime: "text/markdown" | "text/html" | "image/svg+xml",
    readonly text: string,
  ) {}

  toString(): string {
    return this.text;
  }

  /** What a log shows. */
  get plain(): string {
    return plainText(this);
  }

  [displaySymbol](): MimeData {
    return { [this.mime]: this.text, "text/plain": this.plain };
  }
}

export type MarkdownTag = (strings: TemplateStringsArray, ...values: unknown[]) => Markup;
export type HtmlTag = (strings: TemplateStringsArray, ...values: unknown[]) => Markup;
export type SvgTag = (strings: TemplateStringsArray, ...values: unknown[]) => Markup;

/** Markdown; the indentation that all lines share is removed, because Markdown reads it as code. */
export const md: MarkdownTag = (strings, ...values) => new Markup("text/markdown", dedent(fill(strings, values, asText)));

export const html: HtmlTag = (strings, ...values) => new Markup("text/html", fill(strings, values, asHtml));

export const svg: SvgTag = (strings, ...values) => new Markup("image/svg+xml", fill(strings, values, asHtml));

/** A string with an escape that JavaScript does not know, such as `\u` alone, stands as it was written. */
function fill(strings: TemplateStringsArray, values: unknown[], write: (value: unknown) => string): string {
  return strings.map((text, i) => (text ?? strings.raw[i]) + (i < values.length ? write(values[i]) : "")).join("");
}

const isNothing = (value: unknown): boolean => value === undefined || value === null || value === false;

function asText(value: unknown): string {
  return Array.isArray(value) ? value.map(asText).join("") : isNothing(value) ? "" : String(value);
}

function asHtml(value: unknown): string {
  if (Array.isArray(value)) return value.map(asHtml).join("");
  if (value instanceof Markup && value.mime !== "text/markdown") return value.text;
  return isNothing(value) ? "" : escapeHtml(String(value));
}

function dedent(text: string): string {
  const indents = text
    .split("\n")
    .slice(1)
    .filter((line) => line.trim())
    .map((line) => /^[ \t]*/.exec(line)![0].length);
  const shared = Math.min(...indents);
  return shared > 0 && Number.isFinite(shared) ? text.replace(new RegExp(`\n[ \t]{${shared}}`, "g"), "\n").trim() : text;
}

const ENTITIES: { [name: string]: string } = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };

/** What a log shows: Markdown as it is, HTML without its tags. */
function plainText({ mime, text }: Markup): string {
  if (mime === "text/markdown") return text;
  const words = text
    .replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, " ")
    .replace(/<[^<>]*>/g, " ")
    .replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ENTITIES[name]!)
    .replace(/\s+/g, " ")
    .trim();
  return mime === "text/html" ? words || "(HTML)" : `SVG drawing${words ? `: ${words}` : ""}`;
}
