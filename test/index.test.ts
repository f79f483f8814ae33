import { expect, it } from "vitest";
import * as eq from "../src/index.js";

it("the public names are these, and each is something", () => {
  for (const [name, value] of Object.entries(eq)) expect(value, name).toBeDefined();
  expect(Object.keys(eq).sort()).toMatchSnapshot();
});
