/** The tables of `muster bench`, by the names that `--only` takes. Their measures are in bench/, which a server may lack. */
export const benchTables = ["profile", "api", "overload", "executions", "growth", "llm", "web", "start"] as const;
