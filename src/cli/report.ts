import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { writeReport } from "../cells/report/report.js";

export const HELP = `eqlab report: one page of a results folder, to read, to send and to print

  eqlab report [--out DIR] [--to FILE.html]
  --out   the folder that 04_eqbench wrote; out/demo unless told
  --to    where the page goes; report.html in that folder unless told`;

/** `eqlab report`: writes one HTML page from `summary.json`, `samples.jsonl` and the heads' cards. @throws NotFoundError, FormatError, RangeError */
export async function report(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      out: { type: "string", default: "out/demo" },
      to: { type: "string" },
    },
  });
  const folder = resolve(values.out);
  const path = resolve(values.to ?? join(folder, "report.html"));
  await writeReport(folder, path);
  const { size } = await stat(path);
  console.log(`wrote ${path} (${(size / 2 ** 20).toFixed(2)} MB): open it in a browser, or print it`);
}
