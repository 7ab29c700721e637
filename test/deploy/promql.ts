/** A reader of PromQL, just deep enough to tell which metrics and labels an expression names. */
export interface Selector {
  metric: string;
  /** Labels in its braces. */
  labels: string[];
  range: boolean;
  /** The innermost function around it, null when there is none. */
  within: string | null;
}

export interface PromQuery {
  selectors: Selector[];
  /** Labels of `by (…)` and `without (…)`. */
  grouping: string[];
}

const aggregations = new Set("sum min max avg count stddev stdvar topk bottomk quantile group count_values".split(" "));
const functions = new Set(
  "rate irate increase deriv delta histogram_quantile vector scalar abs clamp_min clamp_max min_over_time max_over_time avg_over_time sum_over_time absent time round label_replace".split(
    " ",
  ),
);
const words = new Set("by without on ignoring group_left group_right and or unless bool offset".split(" "));
const token =
  /\s+|"(?:[^"\\]|\\.)*"|\[\d+[smhdwy](?::\d+[smhdwy])?\]|[a-zA-Z_:][a-zA-Z0-9_:]*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|=~|!~|!=|==|>=|<=|[-+*/%^(){},=<>]/gy;

function tokens(expression: string): string[] {
  const found: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < expression.length) {
    const at = token.lastIndex;
    const match = token.exec(expression);
    if (match === null) throw new Error(`unreadable at ${JSON.stringify(expression.slice(at, at + 20))}`);
    if (match[0].trim() !== "") found.push(match[0]);
  }
  return found;
}

/** Reads the names up to the closing bracket; returns them and the index after it. */
function readLabels(all: string[], from: number, close: string): { names: string[]; next: number } {
  const names: string[] = [];
  let i = from;
  for (; all[i] !== close; i++) {
    const part = all[i];
    if (part === undefined) throw new Error(`no ${close}`);
    if (/^[a-zA-Z_]/.test(part)) names.push(part);
  }
  return { names, next: i + 1 };
}

/** Parses an expression. @throws Error when brackets do not match or a name is neither function nor selector. */
export function readPromQuery(expression: string): PromQuery {
  const all = tokens(expression);
  const query: PromQuery = { selectors: [], grouping: [] };
  const open: (string | null)[] = [];
  for (let i = 0; i < all.length; i++) {
    const part = all[i] ?? "";
    const next = all[i + 1];
    if (part === "(") open.push(null);
    else if (part === ")") {
      if (open.pop() === undefined) throw new Error("a bracket closes that was not opened");
    } else if (part === "by" || part === "without" || part === "on" || part === "ignoring") {
      if (next !== "(") throw new Error(`${part} without labels`);
      const labels = readLabels(all, i + 2, ")");
      query.grouping.push(...labels.names);
      i = labels.next - 1;
    } else if (!/^[a-zA-Z_:]/.test(part) || words.has(part)) continue;
    else if (functions.has(part) || aggregations.has(part)) {
      if (next === "(") {
        open.push(part);
        i++;
      } else if (next !== "by" && next !== "without") throw new Error(`${part} is not called`);
    } else if (next === "(") throw new Error(`${part} is no function known here`);
    else {
      const braces = next === "{" ? readLabels(all, i + 2, "}") : { names: [], next: i + 1 };
      const range = all[braces.next]?.startsWith("[") ?? false;
      const within = open.findLast((name) => name !== null && functions.has(name)) ?? null;
      query.selectors.push({ metric: part, labels: braces.names, range, within });
      i = braces.next - (range ? 0 : 1);
    }
  }
  if (open.length > 0) throw new Error("a bracket is not closed");
  if (query.selectors.length === 0) throw new Error("names no metric");
  return query;
}
