import { expect, test } from "vitest";
import { Dealer } from "zeromq";
import { type KernelProcess, startProcess } from "../../src/kernel/client/process.js";
import type { KernelClient } from "../../src/kernel/client.js";
import { family, isAlive, launchCommand, runCell, startEqlab } from "./kernel-driver.js";

/** `EQLAB_TORTURE=2000` for the long run; the seed is printed, and `EQLAB_TORTURE_SEED` repeats a run. */
const STEPS = Number(process.env.EQLAB_TORTURE ?? 60);
const SEED = Number(process.env.EQLAB_TORTURE_SEED ?? Date.now() % 1_000_000);
const HANG_MS = 30_000;

test(`${STEPS} random cells and messages: nothing hangs, no output is lost, no process is left`, async () => {
  const random = mulberry(SEED);
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]!;
  const counts: { [name: string]: number } = {};
  const pids = new Set<number>();
  let kernel: KernelClient;
  let counter = 0;

  const start = async (): Promise<void> => {
    kernel = await startEqlab([], { onInput: () => "answer" });
    for (const pid of family(kernel.pid)) pids.add(pid);
    counter = 0;
    await runCell(kernel, "let counter = 0; const count = () => ++counter;");
  };
  const countsOn = async (): Promise<void> => {
    const { value, reply } = await runCell(kernel, "count()");
    expect([reply.status, value]).toEqual(["ok", String(++counter)]);
  };

  const steps: { [name: string]: [weight: number, step: () => Promise<void>] } = {
    value: [20, countsOn],
    throw: [
      8,
      async () => {
        const { reply } = await runCell(kernel, `counter++; ${pick(["", "await null; "])}throw new RangeError("step")`);
        counter++;
        expect(reply).toMatchObject({ status: "error", ename: "RangeError" });
      },
    ],
    "syntax error": [
      4,
      async () => {
        const { reply } = await runCell(
          kernel,
          pick(["let = 1", "foo)", "`open", "for (", "@@", "const a = 1; const a = 2", "\u0000", "}"]),
        );
        expect(reply.status).toBe("error");
      },
    ],
    flood: [
      6,
      async () => {
        const lines = below(pick([100, 3000, 30_000]));
        const gap = pick(["", "if (i % 997 === 0) await null;", "if (i % 499 === 0) await new Promise((done) => setImmediate(done));"]);
        const { stdout, reply } = await runCell(kernel, `for (let i = 0; i < ${lines}; i++) { console.log(i); ${gap} }`);
        expect(reply.status).toBe("ok");
        expect(stdout === Array.from({ length: lines }, (_, i) => `${i}\n`).join("")).toBe(true);
      },
    ],
    "both streams": [
      4,
      async () => {
        const { stdout, stderr } = await runCell(kernel, "for (let i = 0; i < 500; i++) { console.log(i); console.error(-i); }");
        expect([stdout.split("\n").length, stderr.split("\n").length]).toEqual([501, 501]);
      },
    ],
    interrupt: [
      10,
      async () => {
        const running = runCell(
          kernel,
          pick([
            "while (true) {}",
            "await null; while (true) {}",
            "for (;;) await new Promise((done) => setTimeout(done, 1))",
            "for (;;) await null",
            "await new Promise(() => {})",
            "for (;;) { console.log('x'.repeat(100)); await null; }",
            "setInterval(() => {}, 1); for (;;) await new Promise((done) => setImmediate(done))",
            "try { await new Promise(() => {}) } finally { await new Promise((done) => setTimeout(done, 50)) }",
            "for (;;) JSON.parse(JSON.stringify(Array.from({ length: 1000 }, (_, i) => i)))",
          ]),
        );
        await pause(below(250));
        const started = performance.now();
        // An interrupt that comes before the cell has begun is for nobody: a user presses again.
        const again = setInterval(() => void kernel.interrupt(), 1500);
        await kernel.interrupt();
        const { reply } = await running;
        clearInterval(again);
        expect(reply.status).toBe("error");
        slowest = Math.max(slowest, performance.now() - started);
      },
    ],
    "interrupt of nothing, or of something short": [
      4,
      async () => {
        const running = pick([true, false]) ? runCell(kernel, "for (let i = 0; i < 1e6; i++);") : undefined;
        await pause(below(10));
        await kernel.interrupt();
        await running;
      },
    ],
    burst: [
      5,
      async () => {
        const failing = below(6);
        const codes = Array.from({ length: 6 }, (_, i) => (i === failing ? "throw new Error('burst')" : "counter++"));
        const runs = await Promise.all(codes.map((code) => runCell(kernel, code)));
        expect(runs.map(({ reply }) => reply.status)).toEqual(
          codes.map((_, i) => (i < failing ? "ok" : i === failing ? "error" : "aborted")),
        );
        counter += failing;
      },
    ],
    questions: [
      5,
      async () => {
        const running = runCell(kernel, "await new Promise((done) => setTimeout(done, 30)); 7");
        await Promise.all([
          kernel.complete("counter.to"),
          kernel.inspect("count"),
          kernel.isComplete("if (1) {"),
          kernel.history(),
          kernel.comms(),
        ]);
        expect((await running).value).toBe("7");
      },
    ],
    comms: [
      4,
      async () => {
        const commId = String(random());
        const base = { commId, data: { a: 1 }, metadata: {}, buffers: [new Uint8Array(below(1000))] };
        await kernel.sendComm({ ...base, type: "open", target: "nobody" });
        await kernel.sendComm({ ...base, type: "message" });
        await kernel.sendComm({ ...base, type: "close" });
        await countsOn();
      },
    ],
    input: [
      3,
      async () => {
        expect((await runCell(kernel, "prompt('?')")).value).toContain("answer");
      },
    ],
    "malformed frames": [
      5,
      async () => {
        const process = await stranger();
        const { connection } = process;
        for (const port of [connection.shell_port, connection.control_port, connection.stdin_port]) {
          const socket = new Dealer({ linger: 100 });
          socket.connect(`tcp://127.0.0.1:${port}`);
          for (let i = 0; i < 5; i++) {
            const frames = Array.from({ length: 1 + below(8) }, () =>
              pick([Buffer.from("<IDS|MSG>"), Buffer.from("{}"), Buffer.alloc(below(50), below(256))]),
            );
            await socket.send(frames);
          }
          socket.close();
        }
        await countsOn();
      },
    ],
    "timers that go on": [
      3,
      async () => {
        await runCell(
          kernel,
          "{ let left = 20; const timer = setInterval(() => { console.log('tick'); if (--left === 0) clearInterval(timer); }, 2); }",
        );
      },
    ],
    "unhandled rejection": [
      3,
      async () => {
        await runCell(kernel, "void Promise.reject(new Error('nobody cares')); setTimeout(() => { throw new Error('late'); }, 5)");
      },
    ],
    restart: [
      1,
      async () => {
        if (pick([true, false])) kernel.execute("while (true) {}").reply.catch(() => {});
        await kernel.shutdown({ restart: true });
        await start();
      },
    ],
    death: [
      1,
      async () => {
        await expect(
          kernel.execute(pick(["process.exit(0)", "process.exit(5)", "process.abort()", "process.kill(process.pid, 'SIGKILL')"])).reply,
        ).rejects.toThrow();
        await kernel.shutdown();
        await start();
      },
    ],
  };

  /** A kernel whose connection file the test knows: strangers knock at its doors. */
  let other: KernelProcess | undefined;
  const stranger = async (): Promise<KernelProcess> => {
    other ??= await startProcess(launchCommand(), { folder: import.meta.dirname });
    for (const pid of family(other.pid)) pids.add(pid);
    return other;
  };

  let slowest = 0;
  const names = Object.entries(steps).flatMap(([name, [weight]]) => Array<string>(weight).fill(name));
  await start();
  try {
    for (let i = 0; i < STEPS; i++) {
      const name = pick(names);
      counts[name] = (counts[name] ?? 0) + 1;
      const clock = pause(HANG_MS).then(() => {
        throw new Error(`step ${i} (${name}) of seed ${SEED} hangs`);
      });
      clock.catch(() => {});
      await Promise.race([steps[name]![1](), clock]).catch((error: Error) => {
        error.message = `step ${i} (${name}) of seed ${SEED}: ${error.message}`;
        throw error;
      });
    }
    await countsOn();
  } finally {
    await kernel!.shutdown();
    other?.kill();
    await other?.ended;
  }
  await expect.poll(() => [...pids].filter(isAlive), { timeout: 5000 }).toEqual([]);
  console.log(`seed ${SEED}, slowest interrupt ${slowest.toFixed(0)} ms, ${pids.size} processes ended, ${JSON.stringify(counts)}`);
}, 3_600_000);

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds).unref?.());

/** Random numbers that a seed repeats. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
