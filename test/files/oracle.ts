import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The Python of test/reference/setup-oracle.sh, where the variable says that there is one; tests that need it are skipped without. */
export const oracle: string | null = process.env.EQLAB_ORACLE || null;

/** Lets a script of test/reference check a folder of files that we wrote; its failure is the test's. */
export function checkWithOracle(script: string, folder: string): string {
  const path = fileURLToPath(new URL(`../reference/${script}`, import.meta.url));
  return execFileSync(oracle!, [path, "check", folder], { encoding: "utf8" });
}
