import { setTimeout as sleep } from "node:timers/promises";
import { Reply, Router, XPublisher } from "zeromq";
import { address, type Connection } from "../connection.js";

/** The kernel's five doors. No high-water marks: nothing is dropped because a reader is slow. */
export type Sockets = { shell: Router; control: Router; stdin: Router; iopub: XPublisher; heartbeat: Reply };

/** Opens all sockets. A port that is still held by the kernel before this one is tried for five seconds. */
export async function bindSockets(connection: Connection): Promise<Sockets> {
  const limits = { sendHighWaterMark: 0, receiveHighWaterMark: 0, linger: 1000 };
  const sockets: Sockets = {
    shell: new Router(limits),
    control: new Router(limits),
    stdin: new Router({ ...limits, mandatory: true, sendTimeout: 0 }), // refuses a client that listens for no questions, at once
    iopub: new XPublisher({ ...limits, verbosity: "allSubs" }),
    heartbeat: new Reply({ linger: 0 }),
  };
  for (const name of ["shell", "control", "stdin", "iopub", "heartbeat"] as const) {
    await bind(sockets[name], address(connection, connection.ports[name]));
  }
  return sockets;
}

async function bind(socket: Router | XPublisher | Reply, where: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await socket.bind(where);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt === 50) throw error;
      await sleep(100);
    }
  }
}

/** Answers every beat with itself. */
export async function beat(heartbeat: Reply): Promise<void> {
  for await (const frames of heartbeat) await heartbeat.send(frames);
}
