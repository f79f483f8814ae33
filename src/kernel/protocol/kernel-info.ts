import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { PROTOCOL_VERSION } from "../wire.js";

/** What the kernel says of itself. TypeScript's version is read from its package, without loading it. */
export function kernelInfo(): { [name: string]: unknown } {
  const require = createRequire(import.meta.url);
  const version = (file: string): string => (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  const typescript = version(require.resolve("typescript/package.json"));
  const own = version(require.resolve("../../../package.json"));
  return {
    status: "ok",
    protocol_version: PROTOCOL_VERSION,
    implementation: "eqlab",
    implementation_version: own,
    language_info: {
      name: "typescript",
      version: typescript,
      file_extension: ".ts",
      mimetype: "text/typescript",
      pygments_lexer: "typescript",
      codemirror_mode: "typescript",
      nbconvert_exporter: "script",
    },
    banner: `eqlab ${own}: TypeScript ${typescript} on Node ${process.versions.node}`,
    help_links: [
      { text: "TypeScript", url: "https://www.typescriptlang.org/docs/" },
      { text: "Node", url: "https://nodejs.org/docs/latest/api/" },
    ],
    debugger: false,
    supported_features: [],
  };
}
