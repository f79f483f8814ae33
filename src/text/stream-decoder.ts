import type { DecodeOptions, Tokenizer } from "./tokenizer.js";

/** Turns ids that come one by one into text that is final. */
export type StreamDecoder = {
  /** Takes the next id and returns the text it completes: empty while a character lacks bytes. */
  push(id: number): string;
  /** Returns what was held back; incomplete bytes show as U+FFFD. */
  end(): string;
};

/**
 * The texts that `push` and `end` return, joined, are what `decode` gives for all the ids. (One exception: after a SentencePiece run of
 * byte tokens whose end is no UTF-8, `decode` spoils the whole run, while here its valid beginning has been given out.)
 */
export function streamDecoder(tokenizer: Tokenizer, options: DecodeOptions = {}): StreamDecoder {
  // The ids since the last complete text but one: a decoder may treat the first token of a text differently.
  let window: number[] = [];
  let context = 0; // how many ids of the window were given out before
  let given = 0; // how many characters of its text were

  const take = (text: string, end: number): string => {
    const fresh = text.slice(given, end);
    given = Math.max(given, end);
    return fresh;
  };
  return {
    push(id) {
      window.push(id);
      const text = tokenizer.decode(window, options);
      const fresh = take(text, text.replace(/\ufffd+$/u, "").length);
      if (fresh && given === text.length) {
        window = window.slice(context);
        context = window.length;
        given = tokenizer.decode(window, options).length;
      }
      return fresh;
    },
    end() {
      const text = tokenizer.decode(window, options);
      const fresh = take(text, text.length);
      [window, context, given] = [[], 0, 0];
      return fresh;
    },
  };
}
