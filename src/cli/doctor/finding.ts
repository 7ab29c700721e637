/** What a look at one thing found. Only `problem` means that something is broken. */
export interface Finding {
  level: "ok" | "info" | "warning" | "problem";
  area: "machine" | "data" | "network" | "database" | "work" | "models" | "redis";
  /** One line. */
  what: string;
  /** What to do about it. */
  fix?: string;
}

/** Makes the findings of one area. */
export function findingsOf(area: Finding["area"]) {
  const found: Finding[] = [];
  const add = (level: Finding["level"], what: string, fix?: string): void => {
    found.push({ level, area, what, ...(fix === undefined ? {} : { fix }) });
  };
  return { found, add };
}
