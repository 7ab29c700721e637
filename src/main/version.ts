import { readFileSync } from "node:fs";

/** Version of this Muster, from package.json. */
export function musterVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
