import { Button } from "../../components/ui/button.tsx";
import type { RefusedFile } from "./use-uploads.ts";

/** The files that were not attached, each with the reason; they can be tried again without being chosen again. */
export function RefusedFiles({
  refused,
  busy,
  again,
  drop,
}: {
  refused: RefusedFile[];
  busy: boolean;
  again: (files: File[]) => Promise<void>;
  drop: () => void;
}) {
  if (refused.length === 0) return null;
  return (
    <div role="alert" className="mt-2 rounded-md border border-bad/40 px-2.5 py-2 text-xs">
      <p className="font-medium text-bad">Not attached</p>
      <ul aria-label="Not attached" className="mt-1 flex flex-col gap-0.5">
        {refused.map(({ file, reason }) => (
          <li key={`${file.name} ${file.size} ${file.lastModified}`} className="break-words">
            <span className="font-medium">{file.name}</span> <span className="text-muted">{reason}</span>
          </li>
        ))}
      </ul>
      <div className="mt-1.5 flex gap-1.5">
        <Button small busy={busy} onClick={() => void again(refused.map(({ file }) => file))}>
          Try again
        </Button>
        <Button small look="ghost" onClick={drop}>
          Leave them out
        </Button>
      </div>
    </div>
  );
}
