import type { HandedInput, SquadRequest } from "./read-request.ts";
import { NOTICE, readFindings } from "./report.ts";

interface Verdict {
  step: string;
  verdict: "accept" | "revise";
  reasons: string[];
}

/** The reviewer: does each result cover what its criterion names, and do its quotes stand where it says? */
export function answerReview(request: SquadRequest): string {
  const steps = request.facts
    .filter((fact) => fact.name === "Step")
    .map((fact) => {
      const [key = "", , criterion = ""] = fact.value.split(" | ");
      return { key, criterion };
    });
  const verdicts = steps.map(({ key, criterion }): Verdict => {
    const input = request.inputs.find((each) => each.step === key);
    const reasons = input === undefined ? ["There is no result to check."] : objections(request, input, criterion);
    return { step: key, verdict: reasons.length === 0 ? "accept" : "revise", reasons };
  });
  return JSON.stringify({ verdicts });
}

const MAX_REASONS = 5;

function objections(request: SquadRequest, input: HandedInput, criterion: string): string[] {
  const reasons: string[] = [];
  const body = input.text.replace(NOTICE, "").trim();
  if (body === "") reasons.push("The result is empty: hand in what was found.");
  if (request.attachments.length > 0 && body !== "" && !/[\w)]\.?\w*:\d+/.test(body)) {
    reasons.push("No statement names its place: quote the file and the line.");
  }
  for (const match of criterion.matchAll(/lines (\d+)-(\d+|end) of (\S+)/gi)) {
    if (!body.includes(match[3] ?? "")) reasons.push(`${match[3]} is not covered: read lines ${match[1]}-${match[2]}.`);
  }
  for (const finding of readFindings(input.text)) {
    const file = request.attachments.find((attachment) => attachment.path === finding.path);
    if (file?.whole !== true) continue;
    const line = file.text.split("\n")[finding.line - 1] ?? "";
    if (!line.includes(finding.quote.replace(/ …$/, ""))) {
      reasons.push(`The quote of "${finding.title}" does not stand in line ${finding.line}: correct the place.`);
    }
  }
  return reasons.slice(0, MAX_REASONS);
}
