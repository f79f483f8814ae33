// Starts tslab under this Node with what the engine needs before tfjs is loaded, and with a mend that keeps output from getting lost.
const { createRequire } = require("node:module");
const util = require("node:util");

util.isNullOrUndefined = (value) => value == null; // removed in Node 23, used by tfjs-node 4.22
util.isArray = Array.isArray;
process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= "true";

// tslab 1.0.22 sends without waiting, and zeromq refuses a send while another is under way: the cell fails or its output is lost.
const zeromq = createRequire(require.resolve("tslab/package.json"))("zeromq");
const queue = Symbol("queue");
const replace = (prototype, name, value) => Object.defineProperty(prototype, name, { value, configurable: true }); // they are read-only
for (const { prototype } of [zeromq.Publisher, zeromq.Router]) {
  const { send } = prototype;
  replace(prototype, "send", function (...message) {
    const sent = (this[queue] ?? Promise.resolve()).then(() => send.apply(this, message));
    this[queue] = sent.catch(() => {});
    return sent;
  });
}

// A publisher drops messages beyond its high-water mark; 0 is none.
const { bind } = zeromq.Publisher.prototype;
replace(zeromq.Publisher.prototype, "bind", function (address) {
  this.sendHighWaterMark = 0;
  return bind.call(this, address);
});

// tslab outlives the program that started it; a kernel that holds memory, or a GPU, must not.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && process.exit(1), 500).unref();

require("tslab/dist/main.js").main();
