const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for HTML content or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);

/** JSON that cannot close the script element it stands in. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replace(/</g, "\\u003c");

/** At most `limit` characters, the last of them an ellipsis where text was cut. */
export function cut(text: string, limit: number): string {
  const characters = text.length > limit ? [...text] : [];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join("")}…` : text;
}
