/** What a kernel can do, found out by messages. Each answer is true, false, "partly: ..." or, where it is about another language, "n/a". */
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { Channels } from "../../dist/kernel/client/channels.js";
import { Lab, run as runCell } from "./lab.mjs";

const SECONDS = 15;
/** Milliseconds; some refuse what comes in the first moment after an error. */
const MOMENT = 300;

/** Every feature of one side, by name; "no answer" where none came. */
export async function probe(side) {
  const lab = new Lab(side);
  const found = {};
  try {
    for (const [name, ask] of Object.entries(features)) {
      const answer = await lab.measure(SECONDS, (client) => ask(client, side.cells, lab));
      found[name] = answer === "hangs" ? "no answer" : answer;
      await sleep(MOMENT);
    }
  } finally {
    await lab.end();
  }
  return found;
}

const run = (client, code, options) => runCell(client, code, { patient: true, ...options });
const ofType = (messages, type) => messages.filter(({ header }) => header.msg_type === type);

const features = {
  async "kernel_info with status and language"({ info }) {
    return (
      info.status === "ok" && typeof info.language_info?.version === "string" && typeof info.language_info?.file_extension === "string"
    );
  },
  async "execute_input with the cell's number"(client, { small }) {
    const { messages, reply } = await run(client, small(1));
    const [input] = ofType(messages, "execute_input");
    return input?.content.code === small(1) && input.content.execution_count === reply.execution_count;
  },
  async execute_result(client, { small }) {
    const [result] = ofType((await run(client, small(1))).messages, "execute_result");
    const text = result?.content.data["text/plain"] ?? "";
    if (text !== "2" && stripVTControlCharacters(text) === "2") return "partly: with terminal colours";
    return text === "2";
  },
  async "error with a traceback in the cell's lines"(client, { fail }) {
    const { messages, reply } = await run(client, fail);
    const [error] = ofType(messages, "error");
    if (!error) return false;
    const { ename, evalue, traceback } = error.content;
    const text = stripVTControlCharacters(traceback.join("\n"));
    if (!/Error$/.test(ename) || !evalue || reply.ename !== ename) return false;
    if (!/:3:\d+|line 3\b|-> 3 /.test(text)) return "partly: wrong lines";
    return /node:internal|node_modules|dist\/kernel|ext:|ipykernel_launcher/.test(text) ? "partly: with the kernel's frames" : true;
  },
  async history(client, { print }) {
    const code = print("'remember me'");
    await run(client, code);
    const { history = [] } = await client.history({ hist_access_type: "tail", n: 5 });
    return history.some((entry) => entry.at(-1) === code);
  },
  async input_request(client, { input }) {
    return /hello,? Ada/.test((await run(client, input)).text);
  },
  async "comms, both ways, with buffers"(client, { comm }) {
    if (!comm) return false;
    const [opened] = ofType((await run(client, comm)).messages, "comm_open");
    if (!opened) return false;
    if (opened.buffers[0]?.length !== 3) return "partly: no buffers";
    const { comm_id: commId } = opened.content;
    const answered = heard(client, ({ header, content }) => header.msg_type === "stream" && /got 2 3/.test(content.text));
    await client.sendComm({ type: "message", commId, data: { n: 2 }, metadata: {}, buffers: [new Uint8Array([1, 2, 3])] });
    return (await answered) ? true : "partly: the kernel's way only";
  },
  async "comm_info, and an unknown comm closed"(client) {
    const reply = await client.request("comm_info_request", {});
    const commId = "bench-unknown";
    const closed = heard(client, ({ header, content }) => header.msg_type === "comm_close" && content.comm_id === commId);
    await client.sendComm({ type: "open", commId, target: "nobody", data: {}, metadata: {}, buffers: [] });
    if (reply.header.msg_type !== "comm_info_reply") return `partly: answers ${reply.header.msg_type}`;
    return (await closed) ? true : "partly: not closed";
  },
  async update_display_data(client, { update }) {
    const { messages } = await run(client, update);
    const [first] = ofType(messages, "display_data");
    const [second] = ofType(messages, "update_display_data");
    return second !== undefined && first?.content.transient.display_id === second.content.transient.display_id;
  },
  async "is_complete, invalid too"(client, { unfinished }) {
    const wrong = [];
    for (const [status, code] of Object.entries(unfinished)) if ((await client.isComplete(code)).status !== status) wrong.push(status);
    return wrong.length === 0 ? true : wrong.length === 3 ? false : `partly: not ${wrong.join(", ")}`;
  },
  async inspect(client, cells) {
    const { found, data = {} } = await client.inspect(cells.inspect);
    if (!found || !data["text/plain"]) return false;
    const unknown = await client.inspect("thereIsNoSuchName");
    return unknown.found ? "partly: finds unknown names" : true;
  },
  async "completion by type"(client, { typed }) {
    const { matches = [] } = await client.complete(typed.code);
    return matches.some((match) => match.endsWith(typed.name));
  },
  async "type errors are shown"(client, { wrongType }) {
    return wrongType ? (await run(client, wrongType.code)).text.includes(wrongType.words) : "n/a";
  },
  async "functions see a variable's new value"(client, { closure: [before, after] }) {
    await run(client, before, { patient: false });
    return (await run(client, after)).text.trim() === "1.5";
  },
  async "declarations survive an error"(client, { survive: [before, after] }) {
    await run(client, before, { patient: false });
    await sleep(MOMENT);
    return (await run(client, after)).text.trim() === "42";
  },
  async "names can be declared again"(client, { redeclare: [before, after] }) {
    await run(client, before, { patient: false });
    return (await run(client, after)).text.trim() === "42";
  },
  async user_expressions(client, { small }) {
    const { reply } = await run(client, small(1), { userExpressions: { two: "1 + 1", bad: "thereIsNoSuchName" } });
    const { two, bad } = reply.user_expressions ?? {};
    if (stripVTControlCharacters(two?.data?.["text/plain"] ?? "") !== "2") return false;
    return bad?.status === "error" ? true : "partly: without errors";
  },
  async "stop_on_error, both ways"(client, { failSoon, print }) {
    const outcomes = [];
    for (const stopOnError of [true, false]) {
      const failing = run(client, failSoon, { stopOnError, patient: false });
      const waiting = run(client, print("'ran'"));
      await failing;
      const { reply, text } = await waiting;
      outcomes.push(text.includes("ran") ? "ran" : reply.status);
      await sleep(MOMENT);
    }
    if (outcomes[0] === "ran" && outcomes[1] === "ran") return false;
    return outcomes.join() === "aborted,ran" ? true : `partly: ${outcomes[0]}, ${outcomes[1]}`;
  },
  async silent(client, { small }) {
    const before = (await run(client, small(1))).reply.execution_count;
    const { messages } = await run(client, small(2), { silent: true, patient: false });
    const after = (await run(client, small(3))).reply.execution_count;
    return messages.every(({ header }) => header.msg_type === "status") && after === before + 1;
  },
  async "late output belongs to its cell"(client, { late, small }) {
    const said = heard(client, ({ header, content }) => header.msg_type === "stream" && content.text.includes("later"));
    const { id } = await run(client, late, { patient: false });
    await run(client, small(1));
    return (await said)?.parent.msg_id === id;
  },
  async "a forged message is dropped"(client, _, lab) {
    let answered = false;
    const refuse = (reason) => {
      answered ||= reason.startsWith("shell"); // an answer has the right signature, which is a wrong one here
    };
    const forger = new Channels({ ...lab.connection, key: "guessed" }, "forger", () => {}, refuse);
    try {
      const header = {
        msg_id: "forged",
        session: "forger",
        username: "forger",
        date: new Date().toISOString(),
        msg_type: "kernel_info_request",
      };
      await forger.send("shell", {
        identities: [],
        header: { ...header, version: "5.4" },
        parent: {},
        metadata: {},
        content: {},
        buffers: [],
      });
      const believed = await heard(client, ({ parent }) => parent.msg_id === "forged", 1);
      await client.request("kernel_info_request", {}, { timeoutSeconds: 5 }); // it lives
      return !believed && !answered;
    } finally {
      forger.close();
    }
  },
};

/** The first message that is wanted, or undefined where none comes. */
async function heard(client, wanted, seconds = 2) {
  let forget = () => {};
  const found = new Promise((resolve) => {
    forget = client.onMessage((message) => wanted(message) && resolve(message));
  });
  try {
    return await Promise.race([found, sleep(seconds * 1000)]);
  } finally {
    forget();
  }
}
