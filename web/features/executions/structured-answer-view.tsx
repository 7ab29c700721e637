import { CircleCheck, Undo2 } from "lucide-react";
import type { StructuredAnswer as Answer } from "./structured-answer.ts";

/** A plan or a review, written out. */
export function StructuredAnswer({ answer }: { answer: Answer }) {
  const entries = answer.kind === "plan" ? answer.steps : answer.verdicts;
  if (entries.length === 0) {
    return <p className="text-faint">{answer.kind === "plan" ? "Writes the plan" : "Writes the review"}</p>;
  }
  if (answer.kind === "plan") {
    return (
      <ol className="max-w-[46rem] list-decimal divide-y divide-line rounded-md border border-line bg-canvas pl-7 marker:text-faint">
        {answer.steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one fixed text
          <li key={index} className="py-1.5 pr-3 [overflow-wrap:anywhere]">
            {step.title}
            {step.owner && <span className="text-muted"> · {step.owner}</span>}
            {step.after.length > 0 && <span className="block text-faint text-xs">after {step.after.join(", ")}</span>}
          </li>
        ))}
      </ol>
    );
  }
  return (
    <ul className="max-w-[46rem] divide-y divide-line rounded-md border border-line bg-canvas">
      {answer.verdicts.map((verdict, index) => {
        const Icon = verdict.accepted ? CircleCheck : Undo2;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one fixed text
          <li key={index} className="flex gap-2 px-3 py-1.5 [overflow-wrap:anywhere]">
            <Icon
              aria-hidden
              className={`mt-0.5 size-4 shrink-0 ${verdict.accepted ? "text-good" : "text-attention"}`}
            />
            <span className="min-w-0">
              <span className="font-medium">{verdict.accepted ? "Accepted" : "Sent back"}</span>{" "}
              <span className="text-muted">{verdict.step}</span>
              {verdict.reasons.map((reason) => (
                <span key={reason} className="block text-muted">
                  {reason}
                </span>
              ))}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
