// The part of set-up that a packed project needs: its own name as a package, and the native engine bound to the TensorFlow of this
// machine's Python. The rest of src/setup/setup.mjs (development packages, a virtual environment, a build) has no place on Kaggle.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildAddon, pythons, tensorflowOf, tryAddon } from "../src/setup/addon.mjs";
import { addonFile, root, stateFile } from "../src/setup/paths.mjs";

const link = join(root, "node_modules", "eqlab");
if (!existsSync(link)) symlinkSync(root, link, "junction");

const state = existsSync(stateFile) ? JSON.parse(readFileSync(stateFile, "utf8")) : {};
const ready = state.engine === "tensorflow" && existsSync(addonFile()) && existsSync(state.tensorflow ?? "");
if (!ready) {
  const reasons = [];
  let tensorflow;
  for (const folder of new Set(pythons().map(tensorflowOf))) {
    if (folder && (await bound(folder, reasons))) {
      tensorflow = folder;
      break;
    }
  }
  const outcome = tensorflow
    ? { engine: "tensorflow", tensorflow, engineReason: "" }
    : { engine: "wasm", tensorflow: null, engineReason: reasons.join("; ") || "no Python here has a TensorFlow" };
  mkdirSync(dirname(stateFile), { recursive: true });
  writeFileSync(stateFile, JSON.stringify({ ...state, ...outcome }, null, 2));
  console.log(
    tensorflow
      ? `native engine bound to the TensorFlow in ${tensorflow}`
      : `NO NATIVE ENGINE: ${outcome.engineReason}\n  The WASM engine will be used: the same results, 10 to 30 times slower.`,
  );
}

async function bound(folder, reasons) {
  console.log(`compiling the native engine against ${folder}`);
  const built = await buildAddon(folder);
  const loaded = built.ok ? tryAddon() : built;
  if (!loaded.ok) reasons.push(loaded.reason);
  return loaded.ok;
}
