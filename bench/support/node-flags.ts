import { readFileSync } from "node:fs";

const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  scripts: { start: string };
};

/** Flags of Node under which `npm start` runs Muster: a bench measures it as users have it. */
export const nodeFlags: readonly string[] = scripts.start.split(" ").filter((word) => word.startsWith("--"));
