import { beforeAll, expect, it } from "vitest";
import { require, tf } from "../../src/core/tf.js";
import { itEqualsPlainForms } from "./plain-forms.js";

beforeAll(async () => {
  require("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend("wasm");
});

it("runs on WASM", () => expect(tf.getBackend()).toBe("wasm"));

itEqualsPlainForms();
