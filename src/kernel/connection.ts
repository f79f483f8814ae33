import { readFileSync } from "node:fs";

/** Where the kernel listens and how messages are signed: the connection file that Jupyter writes. */
export type Connection = {
  transport: string;
  ip: string;
  /** Empty where messages are not signed. */
  key: string;
  ports: { shell: number; control: number; stdin: number; iopub: number; heartbeat: number };
};

/** Reads a connection file. @throws RangeError where a field is missing or the signature scheme is another. */
export function readConnection(path: string): Connection {
  const file = JSON.parse(readFileSync(path, "utf8")) as { [name: string]: unknown };
  const port = (name: string): number => {
    const value = file[name];
    if (Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536) return Number(value);
    throw new RangeError(`connection file: expected a port number as ${name}, got ${JSON.stringify(value)}`);
  };
  const text = (name: string, fallback: string): string => {
    const value = file[name] ?? fallback;
    if (typeof value === "string") return value;
    throw new RangeError(`connection file: expected a string as ${name}, got ${JSON.stringify(value)}`);
  };
  const scheme = text("signature_scheme", "hmac-sha256");
  const transport = text("transport", "tcp");
  if (scheme !== "hmac-sha256")
    throw new RangeError(`connection file: expected signature_scheme hmac-sha256, got ${JSON.stringify(scheme)}`);
  if (transport !== "tcp" && transport !== "ipc") throw new RangeError(`connection file: expected transport tcp or ipc, got ${transport}`);
  return {
    transport,
    ip: text("ip", "127.0.0.1"),
    key: text("key", ""),
    ports: {
      shell: port("shell_port"),
      control: port("control_port"),
      stdin: port("stdin_port"),
      iopub: port("iopub_port"),
      heartbeat: port("hb_port"),
    },
  };
}

export function address({ transport, ip }: Connection, port: number): string {
  return transport === "ipc" ? `ipc://${ip}-${port}` : `tcp://${ip}:${port}`;
}
