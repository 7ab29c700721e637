// Asks V8 to compile the functions of the built scripts while it reads them, in its background thread: nearly all of a
// module's code is wrapped in functions that run as soon as the page starts, and compiling each at its first call would
// hold up the page (https://v8.dev/blog/explicit-compile-hints; browsers that do not know the hint read a comment).
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const compileHint = "//# allFunctionsCalledOnLoad\n";

/** Writes the hint as first line of every script in a folder; returns how many there are. */
export function hintChunks(folder) {
  const scripts = readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(".js"));
  for (const path of scripts) {
    const code = readFileSync(path, "utf8");
    if (!code.startsWith(compileHint)) writeFileSync(path, compileHint + code);
  }
  return scripts.length;
}
