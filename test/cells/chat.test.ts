import { expect, it } from "vitest";
import { chat } from "../../src/cells/chat.js";
import { bundleOf } from "../../src/cells/display.js";

it("shows a conversation as bubbles and as text, escaped", () => {
  const messages = [
    { role: "system", content: "Be kind." },
    { role: "user", content: "My cat <3 is\nill & old" },
    { role: "assistant", content: "<img src=x onerror=alert(1)>" },
  ] as const;
  const bundle = bundleOf(chat(messages, { title: "A <talk>", names: { assistant: "SFT" } }));
  expect(bundle["text/plain"]).toBe("A <talk>\nsystem: Be kind.\nseeker: My cat <3 is\nill & old\nSFT: <img src=x onerror=alert(1)>");
  const html = bundle["text/html"] as string;
  expect(html).toContain("My cat &lt;3 is\nill &amp; old");
  expect(html).toContain("A &lt;talk&gt;");
  expect(html).not.toContain("<img");
  expect(html.match(/align-self/g)).toHaveLength(3);
});
