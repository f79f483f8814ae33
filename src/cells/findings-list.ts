import { type Displayable, displayable } from "./display.js";
import { escapeHtml } from "./html.js";

/** What a planned comparison came to; said in bold. */
const VERDICT = /(Supported|Contradicted|Not shown at this n)(?=:)/;

/** `summary.findings` as a list to read. */
export const findingsList = (findings: readonly string[]): Displayable =>
  displayable({}, () => ({
    "text/html": `<ul style="max-width:92ch;font-size:14px;line-height:1.45;margin:4px 0;padding-left:1.4em">${findings.map(item).join("")}</ul>`,
    "text/plain": findings.map((finding) => `- ${finding}`).join("\n"),
  }));

const item = (finding: string): string => `<li style="margin:3px 0">${findingHtml(finding)}</li>`;

export const findingHtml = (finding: string): string => escapeHtml(finding).replace(VERDICT, "<b>$1</b>");
