import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readArguments } from "../../src/kernel/arguments.js";
import { address, readConnection } from "../../src/kernel/connection.js";
import { temporaryFolder } from "../temporary-folder.js";

describe("the kernel's command line", () => {
  test("names the connection file, the folder, what is preloaded and strictness", () => {
    expect(readArguments(["c.json"], "/notebooks")).toEqual({
      connectionFile: "/notebooks/c.json",
      folder: "/notebooks",
      preload: [],
      strict: false,
      supervised: false,
    });
    const args = [
      "--preload",
      "eq=eqlab",
      "--preload",
      "tf=@tensorflow/tfjs#default",
      "/c.json",
      "--strict",
      "--folder",
      "deep",
      "--supervised",
    ];
    expect(readArguments([...args, "--preload", "own=#inside#member"], "/notebooks")).toEqual({
      connectionFile: "/c.json",
      folder: "/notebooks/deep",
      preload: [
        { name: "eq", specifier: "eqlab" },
        { name: "tf", specifier: "@tensorflow/tfjs", member: "default" },
        { name: "own", specifier: "#inside", member: "member" },
      ],
      strict: true,
      supervised: true,
    });
  });

  test("is refused with its reason where it is not understood", () => {
    expect(() => readArguments([], "/")).toThrow("expected a connection file, got none");
    expect(() => readArguments(["c.json", "--loose"], "/")).toThrow("expected --preload, --strict or --folder, got --loose");
    expect(() => readArguments(["c.json", "--folder"], "/")).toThrow("expected a value after --folder");
    expect(() => readArguments(["c.json", "--preload", "1x=y"], "/")).toThrow("expected name=specifier or name=specifier#member, got 1x=y");
  });
});

describe("a connection file", () => {
  const ports = { shell_port: 1, control_port: 2, stdin_port: 3, iopub_port: 4, hb_port: 5 };
  const file = (content: object): string => {
    const path = join(temporaryFolder(), "c.json");
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  test("says where to listen and how to sign", () => {
    const connection = readConnection(
      file({ ...ports, ip: "127.0.0.1", key: "k", transport: "tcp", signature_scheme: "hmac-sha256", kernel_name: "x" }),
    );
    expect(connection).toEqual({
      transport: "tcp",
      ip: "127.0.0.1",
      key: "k",
      ports: { shell: 1, control: 2, stdin: 3, iopub: 4, heartbeat: 5 },
    });
    expect(address(connection, 4)).toBe("tcp://127.0.0.1:4");
    expect(address({ ...connection, transport: "ipc", ip: "/tmp/k" }, 4)).toBe("ipc:///tmp/k-4");
  });

  test("is refused where a port is missing or the signatures are of another kind", () => {
    expect(() => readConnection(file({ ...ports, hb_port: undefined }))).toThrow("expected a port number as hb_port, got undefined");
    expect(() => readConnection(file({ ...ports, shell_port: "1" }))).toThrow('expected a port number as shell_port, got "1"');
    expect(() => readConnection(file({ ...ports, signature_scheme: "hmac-md5" }))).toThrow("expected signature_scheme hmac-sha256");
    expect(() => readConnection(file({ ...ports, transport: "udp" }))).toThrow("expected transport tcp or ipc");
  });
});
