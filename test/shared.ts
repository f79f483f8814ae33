import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "../src/setup/paths.mjs";

/** The workshop's folder of real data beside the checkout; `null` outside the workshop, where the tests that need it are skipped. */
export const shared: string | null = ((folder) => (existsSync(join(folder, "data")) ? folder : null))(join(root, "..", "shared"));
