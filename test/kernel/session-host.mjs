// A process with a session on its main thread, and a worker in the protocol's place that speaks with the test: JSON lines on descriptor 3.
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { isMainThread, MessageChannel, Worker, workerData } from "node:worker_threads";

if (isMainThread) {
  const { port1, port2 } = new MessageChannel();
  const input = new SharedArrayBuffer(1 << 20);
  const exiting = new Int32Array(new SharedArrayBuffer(4));
  new Worker(new URL(import.meta.url), { workerData: { port: port2, input, exiting }, transferList: [port2] });
  const { reallyExit } = process;
  process.reallyExit = (code) => {
    Atomics.wait(exiting, 0, 0, 300); // what was sent gets through
    reallyExit.call(process, code);
  };
  const { startSession } = await import(new URL("../../dist/kernel/session.js", import.meta.url));
  startSession(port1, JSON.parse(process.argv[2]), input);
} else {
  const { port, input } = workerData;
  const socket = new Socket({ fd: 3, readable: true, writable: true });
  port.on("message", (message) => socket.write(`${JSON.stringify(message)}\n`));
  createInterface({ input: socket })
    .on("line", (line) => {
      const command = JSON.parse(line);
      if (command.kind === "terminate") terminate();
      else if (command.kind === "answer") answer(command.state, command.text);
      else port.postMessage(command);
    })
    .on("close", () => process.kill(process.pid, "SIGKILL"));

  function terminate() {
    const session = new Session();
    session.connectToMainThread();
    session.post("Runtime.terminateExecution", () => {
      session.disconnect();
      socket.write('{"kind":"terminated"}\n');
    });
  }

  function answer(state, text) {
    const bytes = Buffer.from(text);
    new Uint8Array(input, 8).set(bytes);
    const cells = new Int32Array(input, 0, 2);
    Atomics.store(cells, 1, bytes.length);
    Atomics.store(cells, 0, state);
    Atomics.notify(cells, 0);
  }
}
