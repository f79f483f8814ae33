import { expect, it } from "vitest";
import { type Message, mergeTurns } from "../../src/text/messages.js";

it("joins what one speaker says in a row and leaves the given messages alone", () => {
  const messages: Message[] = [
    { role: "user", content: "a" },
    { role: "user", content: "b" },
    { role: "assistant", content: "c" },
    { role: "user", content: "" },
    { role: "user", content: "d" },
  ];
  const before = structuredClone(messages);
  expect(mergeTurns(messages)).toEqual([
    { role: "user", content: "a b" },
    { role: "assistant", content: "c" },
    { role: "user", content: "d" },
  ]);
  expect(messages).toEqual(before);
  expect(mergeTurns([])).toEqual([]);
});
