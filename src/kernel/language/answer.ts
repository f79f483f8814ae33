import type { Language } from "../language.js";
import type { LanguageReply, LanguageRequest } from "../messages.js";

/** The reply to a request; what goes wrong is a reply too. */
export function answer(language: Language, { id, method, params }: LanguageRequest): LanguageReply {
  try {
    return { id, result: language[method](params as never) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
