import type { Terminal } from "../terminal.ts";
import type { RunView } from "./run-view.ts";

/** One event a line and a last line `{"type":"summary",…}`; notices go to standard error. */
export function createJsonView(output: Terminal, errors: Terminal): RunView {
  return {
    begin: () => undefined,
    show: (event) => output.write(`${JSON.stringify(event)}\n`),
    notice: (line) => errors.write(`${line}\n`),
    suspend: () => undefined,
    finish: (summary) => output.write(`${JSON.stringify({ type: "summary", ...summary })}\n`),
    close: () => undefined,
  };
}
