// Starts tslab under this Node with what the engine needs before tfjs is loaded.
const util = require("node:util");
util.isNullOrUndefined ??= (value) => value == null; // removed in Node 23, used by tfjs-node 4.22
util.isArray ??= Array.isArray;
process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= "true";
require("tslab/dist/main.js").main();
