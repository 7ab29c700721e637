import type { Finding, Severity } from "./claim-rules.ts";

/** Stands in every result of the offline model. */
export const NOTICE = "Written by the offline model by rules; no neural network was used.";

const severities: readonly Severity[] = ["high", "medium", "low"];

/** One finding as text; `readFindings` reads it back where another step merges results. */
export function writeFinding(finding: Finding): string {
  const under = finding.under === "" ? "" : ` (${finding.under})`;
  const lines = [
    `### [${finding.severity}] ${finding.title}`,
    `- Where: ${finding.path}:${finding.line}${under}`,
    `- Quote: ${quoted(finding.quote)}`,
    `- Why: ${finding.why}`,
    `- Instead: ${finding.instead}`,
  ];
  if (finding.also.length > 0) lines.push(`- Also: ${finding.also.join(", ")}`);
  return lines.join("\n");
}

/** As inline code, with a fence that the text does not contain. */
export function quoted(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function unquoted(text: string): string {
  const double = /^`` (.*) ``$/.exec(text);
  return double === null ? text.replace(/^`(.*)`$/, "$1") : (double[1] ?? "");
}

/** Reads the findings out of results; what is not written in this form is passed over. */
export function readFindings(text: string): Finding[] {
  return text.split(/^(?=### \[)/m).flatMap((part): Finding[] => {
    const head = /^### \[(high|medium|low)\] (.+)$/m.exec(part);
    const field = (name: string) => new RegExp(`^- ${name}: (.*)$`, "m").exec(part)?.[1] ?? "";
    const where = /^(.+?):(\d+)(?: \((.*)\))?$/.exec(field("Where"));
    const severity = severities.find((each) => each === head?.[1]);
    if (head === null || where === null || severity === undefined || field("Instead") === "") return [];
    return [
      {
        severity,
        title: head[2] ?? "",
        path: where[1] ?? "",
        line: Number(where[2]),
        under: where[3] ?? "",
        quote: unquoted(field("Quote")),
        why: field("Why"),
        instead: field("Instead"),
        also: field("Also")
          .split(", ")
          .filter((each) => each !== "")
          .map(Number),
      },
    ];
  });
}

/** High before low, then in the order of the files. A finding that two members made is kept once. */
export function mergeFindings(findings: readonly Finding[]): Finding[] {
  const kept = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.title}\n${finding.path}:${finding.line}`;
    if (!kept.has(key)) kept.set(key, finding);
  }
  return [...kept.values()].sort(
    (left, right) =>
      severities.indexOf(left.severity) - severities.indexOf(right.severity) ||
      (left.path < right.path ? -1 : left.path > right.path ? 1 : left.line - right.line),
  );
}

/** "3 high, 5 medium and 2 low". */
export function countBySeverity(findings: readonly Finding[]): string {
  const counts = severities
    .map((severity) => ({ severity, count: findings.filter((finding) => finding.severity === severity).length }))
    .filter(({ count }) => count > 0)
    .map(({ severity, count }) => `${count} ${severity}`);
  if (counts.length <= 1) return counts[0] ?? "none";
  return `${counts.slice(0, -1).join(", ")} and ${counts.at(-1)}`;
}

/** The most important findings, one line each with source and cure. */
export function topFindings(findings: readonly Finding[], count: number): string {
  return findings
    .slice(0, count)
    .map((finding, index) => `${index + 1}. **${finding.title}** (${finding.path}:${finding.line}). ${finding.instead}`)
    .join("\n");
}

/** One finding as a section of the report. */
export function reportFinding(finding: Finding, index: number): string {
  const also = finding.also.length === 0 ? "" : `, also line ${finding.also.join(", ")}`;
  const under = finding.under === "" ? "" : `, under "${finding.under}"`;
  return `### ${index + 1}. ${finding.title}

> ${quoted(finding.quote)}

Source: ${finding.path}:${finding.line}${also}${under}. Weight: ${finding.severity}.

**Why it may not hold:** ${finding.why}

**Instead:** ${finding.instead}`;
}
