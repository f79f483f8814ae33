/** At most `limit` characters, the last of them an ellipsis where text was cut. */
export function cut(text: string, limit: number): string {
  const characters = text.length > limit ? [...text] : [];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join("")}…` : text;
}
