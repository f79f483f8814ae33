import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ReplayGuard } from "../../src/kernel/protocol/replay-guard.js";
import { decodeMessage, encodeMessage, type Message, newHeader, signatureOf } from "../../src/kernel/wire.js";

const key = "a5f0";
const message = (content: Message["content"] = { code: "1+1" }, buffers: Buffer[] = []): Message => ({
  identities: [Buffer.from("client")],
  header: newHeader("execute_request", "s1"),
  parent: {},
  metadata: {},
  content,
  buffers,
});
const frames = (encoded: (Buffer | string)[]): Buffer[] => encoded.map((frame) => Buffer.from(frame as string));

describe("the wire", () => {
  test("a message comes back as it was sent, with binary buffers that are no UTF-8", () => {
    const sent = message({ code: "π 😀" }, [Buffer.from([0, 255, 128, 10]), Buffer.alloc(0)]);
    const got = decodeMessage(frames(encodeMessage(sent, key)), key);
    expect(got).toEqual(sent);
  });

  test("the signature is the HMAC-SHA256 of the four JSON frames as hexadecimal digits", () => {
    const [, delimiter, signature, ...parts] = encodeMessage(message(), key);
    expect(String(delimiter)).toBe("<IDS|MSG>");
    expect(signature).toBe(createHmac("sha256", key).update(parts.slice(0, 4).join("")).digest("hex"));
  });

  test("a forged message is refused, whichever of the four parts was changed", () => {
    const right = frames(encodeMessage(message(), key));
    for (const part of [3, 4, 5, 6]) {
      const forged = right.map((frame, i) => (i === part ? Buffer.from('{"msg_id":"x","msg_type":"y"}') : frame));
      expect(() => decodeMessage(forged, key)).toThrow("expected a right signature");
    }
    expect(() => decodeMessage(right, "another key")).toThrow("expected a right signature");
    const unsigned = right.map((frame, i) => (i === 2 ? Buffer.alloc(0) : frame));
    expect(() => decodeMessage(unsigned, key)).toThrow("expected a right signature");
  });

  test("malformed messages are refused with their reason", () => {
    const make = (...parts: string[]): Buffer[] => frames(["<IDS|MSG>", "", ...parts]);
    expect(() => decodeMessage([], "")).toThrow("expected the frame <IDS|MSG>");
    expect(() => decodeMessage(frames(["junk", "more"]), "")).toThrow("expected the frame <IDS|MSG>");
    expect(() => decodeMessage(frames(["<IDS|MSG>"]), "")).toThrow("expected 5 frames");
    expect(() => decodeMessage(make("{}", "{}", "{}"), "")).toThrow("expected 5 frames");
    expect(() => decodeMessage(make("{", "{}", "{}", "{}"), "")).toThrow("message header: expected JSON");
    expect(() => decodeMessage(make("[]", "{}", "{}", "{}"), "")).toThrow("message header: expected an object, got an array");
    expect(() => decodeMessage(make("{}", "{}", "{}", "{}"), "")).toThrow("expected a string msg_id");
    expect(() => decodeMessage(make('{"msg_id":"1","msg_type":"2"}', "{}", "{}", "null"), "")).toThrow(
      "message content: expected an object",
    );
  });

  test("half a surrogate pair and a big integer reach readers that know neither", () => {
    const got = decodeMessage(frames(encodeMessage(message({ text: "a\ud800b\\ud800😀", big: 2n ** 70n }), "")), "");
    expect(got.content).toEqual({ text: "a\ufffdb\\ud800😀", big: "1180591620717411303424" });
  });

  test("a cycle cannot be written", () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    expect(() => encodeMessage(message(cyclic), key)).toThrow(TypeError);
  });

  test("a signature is admitted once", () => {
    const guard = new ReplayGuard();
    const first = signatureOf(frames(encodeMessage(message(), key)));
    guard.admit(first);
    guard.admit(signatureOf(frames(encodeMessage(message(), key))));
    expect(() => guard.admit(first)).toThrow("repetition");
  });
});
