const ENTITIES: { [character: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for HTML content or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

/** At most `limit` UTF-16 units, with an ellipsis where text was cut; no character is cut in two. */
export function cut(text: string, limit: number): string {
  return text.length > limit ? `${whole(text, limit - 1)}…` : text;
}

/** The first `length` UTF-16 units, one fewer where a character would be cut in two. */
export function whole(text: string, length: number): string {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}
