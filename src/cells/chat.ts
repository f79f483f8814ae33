import type { Message, Role } from "../text/messages.js";
import { type Displayable, displayable } from "./display.js";
import { escapeHtml } from "./html.js";

export type ChatOptions = {
  title?: string;
  /** How the speakers are called, by role. */
  names?: Partial<Record<Role, string>>;
};

const NAMES: Record<Role, string> = { system: "system", user: "seeker", assistant: "listener" };

/** A conversation as speech bubbles: the one who seeks support on the left, the listener on the right. */
export function chat(messages: readonly Message[], { title = "", names = {} }: ChatOptions = {}): Displayable {
  const nameOf = (role: Role): string => names[role] ?? NAMES[role];
  return displayable({}, () => ({ "text/html": html(messages, title, nameOf), "text/plain": plain(messages, title, nameOf) }));
}

const LOOKS: Record<Role, string> = {
  system: "align-self:center;background:transparent;color:rgba(128,128,128,1);font-style:italic",
  user: "align-self:flex-start;background:#eceff2;color:#24292f;border-bottom-left-radius:3px",
  assistant: "align-self:flex-end;background:#cfe8f7;color:#12324a;border-bottom-right-radius:3px",
};

function html(messages: readonly Message[], title: string, nameOf: (role: Role) => string): string {
  const bubbles = messages.map(({ role, content }) => {
    const name = `<div style="font-size:11px;opacity:.7">${escapeHtml(nameOf(role))}</div>`;
    const body = `<div style="white-space:pre-wrap;overflow-wrap:anywhere">${escapeHtml(content)}</div>`;
    return `<div style="max-width:75%;padding:6px 12px;border-radius:12px;${LOOKS[role]}">${name}${body}</div>`;
  });
  const heading = title ? `<div style="font-weight:600">${escapeHtml(title)}</div>` : "";
  return `<div style="display:flex;flex-direction:column;gap:6px;max-width:640px;font-size:14px;line-height:1.4">${heading}${bubbles.join("")}</div>`;
}

function plain(messages: readonly Message[], title: string, nameOf: (role: Role) => string): string {
  return [...(title ? [title] : []), ...messages.map(({ role, content }) => `${nameOf(role)}: ${content}`)].join("\n");
}
