import { startEngine } from "../src/core/engine.js";

await startEngine(process.env.EQLAB_ENGINE === "wasm" ? { prefer: "wasm" } : {});
