import clsx from "clsx";
import { RadioTower, Unplug } from "lucide-react";
import type { Following } from "./use-follow.ts";

const connectionWords = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  gone: "Not there any more",
  refused: "Not live",
} as const;

/** Whether what is shown ticks. Only what has ended says nothing: as long as it runs, silence would pass for news. */
export default function Connection({ state, retry, lost }: Following & { lost: boolean }) {
  if (state === null || state === "ended") return null;
  const Icon = lost ? Unplug : RadioTower;
  return (
    <span
      role="status"
      className={clsx(
        "flex shrink-0 flex-wrap items-center gap-1.5 text-xs sm:w-32 sm:pl-4",
        // On a phone the totals have the room: that all is well is a sign beside them, that it is not a line of its own.
        lost ? "w-full px-4 py-1 text-attention max-sm:border-line max-sm:border-t" : "px-3 text-faint",
      )}
    >
      <Icon aria-hidden className="size-3.5" />
      <span className={lost ? undefined : "max-sm:sr-only"}>{connectionWords[state]}</span>
      {state === "refused" && (
        <button
          type="button"
          onClick={retry}
          className="rounded font-medium text-accent hover:underline pointer-coarse:min-h-10"
        >
          Try again
        </button>
      )}
    </span>
  );
}
