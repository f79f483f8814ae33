import { Buffer } from "node:buffer";
import { Console } from "node:console";
import process from "node:process";
import { StringDecoder } from "node:string_decoder";

type StreamName = "stdout" | "stderr";

/**
 * Sends what the `console` and the process's two streams are given to `write`, as text. The methods are those of a new console: Node's own
 * also tell the inspector, which would keep the arguments alive.
 */
export function captureConsole(write: (name: StreamName, text: string) => void): void {
  captureStream("stdout", write);
  captureStream("stderr", write);
  const methods = new Console({ stdout: process.stdout, stderr: process.stderr, ignoreErrors: false, colorMode: false });
  for (const name of Object.keys(methods) as (keyof Console)[]) {
    if (typeof methods[name] === "function" && name !== "Console") Object.assign(console, { [name]: methods[name] });
  }
}

function captureStream(name: StreamName, write: (name: StreamName, text: string) => void): void {
  const stream = process[name];
  const decoder = new StringDecoder("utf8");
  const capture = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
    if (typeof chunk === "string" && (encoding === "hex" || encoding === "base64" || encoding === "latin1")) {
      write(name, decoder.write(Buffer.from(chunk, encoding)));
    } else if (typeof chunk === "string") write(name, chunk);
    else if (ArrayBuffer.isView(chunk)) write(name, decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
    else throw new TypeError(`process.${name}.write: expected text or bytes, got ${typeof chunk}`);
    const written = typeof encoding === "function" ? encoding : callback;
    if (typeof written === "function") process.nextTick(written);
    return true;
  };
  Object.defineProperty(stream, "write", { value: capture, configurable: true, writable: true });
  Object.defineProperty(stream, "isTTY", { value: false, configurable: true, writable: true });
}
