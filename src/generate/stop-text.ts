/** Passes text through until one of the stop texts appears, however it is cut into pieces. */
export type StopText = {
  /** Takes the next piece and returns what is surely before any stop text. Nothing more comes after `stopped`. */
  push(piece: string): { text: string; stopped: boolean };
  /** Returns what was held back as the possible beginning of a stop text. */
  end(): string;
};

/** @throws RangeError for an empty stop text. */
export function stopText(stops: readonly string[]): StopText {
  if (stops.includes("")) throw new RangeError("stopTexts: expected texts that are not empty");
  let held = "";
  return {
    push(piece) {
      held += piece;
      const found = stops.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
      const end = found.length > 0 ? Math.min(...found) : held.length - overlap(held, stops);
      const text = held.slice(0, end);
      held = found.length > 0 ? "" : held.slice(end);
      return { text, stopped: found.length > 0 };
    },
    end() {
      const text = held;
      held = "";
      return text;
    },
  };
}

/** Length of the longest end of `text` that begins a stop text. */
function overlap(text: string, stops: readonly string[]): number {
  const longest = Math.max(0, ...stops.map((stop) => stop.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(text.length - length);
    if (stops.some((stop) => stop.startsWith(end))) return length;
  }
  return 0;
}
