import { parseArgs } from "node:util";
import { type Diagnosis, diagnose } from "../core/doctor.js";

export const HELP = `eqlab doctor: which engine is used and why not a better one, its speed in each precision, memory, versions, kernels, problems

  eqlab doctor [--json]
  --json   the same as JSON`;

/** `eqlab doctor`: prints the diagnosis. @throws TypeError for an unknown option. */
export async function doctor(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { json: { type: "boolean", default: false } } });
  const diagnosis = await diagnose();
  console.log(values.json ? JSON.stringify(diagnosis, null, 2) : described(diagnosis));
}

function described(diagnosis: Diagnosis): string {
  const { engine, gflops, matmulSize, fastest, whyNotCompiled, memory, cores, versions, kernels, problems } = diagnosis;
  const speed = (value: number | null) => (value === null ? "not available" : `${value.toFixed(0)} GFLOP/s`);
  return [
    `engine      ${engine.name} on ${engine.device}${engine.name === "tensorflow" ? " (the best there is)" : ""}`,
    ...(engine.whyNotBetter ? [`why not a better one: ${engine.whyNotBetter}`] : []),
    `precisions  ${Object.entries(gflops)
      .map(([name, value]) => `${name} ${speed(value)}`)
      .join(", ")} (matrix product, ${matmulSize}³, f16 on a CPU 512³)`,
    `training    in ${fastest}, steps ${whyNotCompiled ? `operation by operation (${whyNotCompiled})` : "compiled"}`,
    `memory      ${memory.free.toFixed(1)} of ${memory.total.toFixed(1)} GiB free, ${cores} cores`,
    `versions    ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
    `kernels     ${kernels.length > 0 ? kernels.map(({ name, folder }) => `${name} (${folder})`).join(", ") : "none installed"}`,
    ...problems.map((problem) => `problem     ${problem}`),
  ].join("\n");
}
