import { Socket } from "node:net";

/** The file descriptor on which the launcher talks to the kernel. */
const FD = 3;

/** Listens to the launcher: "i" interrupts, "t" ends. Where it is gone, `gone` is called. */
export function listenToSupervisor(orders: { interrupt: () => void; end: () => void; gone: () => void }): void {
  const pipe = new Socket({ fd: FD, readable: true, writable: false });
  pipe.on("data", (bytes) => {
    for (const order of bytes.toString("latin1")) {
      if (order === "i") orders.interrupt();
      if (order === "t") orders.end();
    }
  });
  pipe.on("error", orders.gone);
  pipe.on("close", orders.gone);
}
