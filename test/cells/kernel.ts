import { type MimeBundle, type Publish, publishSymbol } from "../../src/cells/display.js";

type Message = { bundle: MimeBundle; options: Parameters<Publish>[1] };

/** Stands in for a kernel: what is shown from now on is put into the list. */
export function listen(): Message[] {
  const messages: Message[] = [];
  Object.assign(globalThis, { [publishSymbol]: ((bundle, options) => messages.push({ bundle, options })) satisfies Publish });
  return messages;
}

export function silence(): void {
  delete (globalThis as { [publishSymbol]?: Publish })[publishSymbol];
}
