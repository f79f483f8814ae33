export type Role = "system" | "user" | "assistant";

/** One turn of a conversation. The speaker who seeks support is the `user`, the listener the `assistant`. */
export type Message = { role: Role; content: string };

/** Joins successive messages of one role with a space: chat templates expect the roles to alternate, people do not. */
export function mergeTurns(messages: readonly Message[]): Message[] {
  const merged: Message[] = [];
  for (const { role, content } of messages) {
    const last = merged.at(-1);
    if (last?.role === role) last.content = `${last.content} ${content}`.trim();
    else merged.push({ role, content });
  }
  return merged;
}
