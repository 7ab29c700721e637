/** The command `muster`: what a terminal offers, on the parts that main composes. */
export { benchTables } from "./commands/bench-tables.ts";
export { createProgram } from "./program.ts";
