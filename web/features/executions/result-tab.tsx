"use client";
import { ScrollText } from "lucide-react";
import type { Execution } from "#contracts";
import { Markdown } from "../../components/markdown/markdown.tsx";
import { CopyButton } from "../../components/ui/copy-button.tsx";
import { Empty } from "../../components/ui/states.tsx";

/** What the squad delivers, beside what it was asked. */
export function ResultTab({ execution }: { execution: Execution }) {
  const { result, task } = execution;
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-4 py-4">
      {task.description && (
        <details className="mb-4 max-w-[46rem] rounded-md border border-line bg-canvas px-3 py-2">
          <summary className="font-medium text-muted text-xs pointer-coarse:-my-2 pointer-coarse:py-3">
            The task
          </summary>
          <p className="mt-2 whitespace-pre-wrap [overflow-wrap:anywhere]">{task.description}</p>
        </details>
      )}
      {result ? (
        <>
          <div className="float-right ml-3">
            <CopyButton text={result.text} />
          </div>
          <Markdown text={result.text} />
        </>
      ) : (
        <Empty icon={ScrollText} title="No result yet">
          The result is written in the last step. Until then the messages and files show what there is.
        </Empty>
      )}
    </div>
  );
}
