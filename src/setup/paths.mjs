// Where things are, for the plain-JavaScript set-up and for the TypeScript library alike.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's own folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The folder of the tfjs package whose sources become our native addon. */
export const addonPackage = () => {
  for (let at = root; ; at = dirname(at)) {
    const candidate = join(at, "node_modules", "@tensorflow", "tfjs-node-gpu");
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return join(root, "node_modules", "@tensorflow", "tfjs-node-gpu");
  }
};

/** The compiled addon, where the package itself looks for it. */
export const addonFile = () => join(addonPackage(), "lib", "napi-v8", "tfjs_binding.node");

/** What set-up learned about this machine; the library reads it to say why an engine is not in use. */
export const stateFile = join(root, ".eqlab", "setup.json");

/** The project's virtual environment and the Python in it. */
export const venv = join(root, ".venv");
export const venvPython = join(venv, "bin", "python");
