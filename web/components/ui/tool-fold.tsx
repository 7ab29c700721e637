import { ChevronRight, Wrench } from "lucide-react";
import type { ReactNode } from "react";

/** A tool call, folded: its name and the beginning of its arguments; what `children` say of it is there when it is open. */
export function ToolFold({
  name,
  beginning,
  mark,
  children,
}: {
  name: string;
  beginning: string;
  mark?: ReactNode;
  children: ReactNode;
}) {
  return (
    <details className="group/tool mt-2 overflow-hidden rounded-md border border-line bg-canvas text-xs">
      <summary className="flex h-7.5 pointer-coarse:h-10 list-none items-center gap-2 px-2 -outline-offset-2 hover:bg-hover [&::-webkit-details-marker]:hidden">
        <ChevronRight
          aria-hidden
          className="size-3.5 shrink-0 text-faint transition-transform group-open/tool:rotate-90"
        />
        <Wrench aria-hidden className="size-3.5 shrink-0 text-faint" />
        <span className="max-w-[60%] shrink-0 truncate font-medium">{name}</span>
        <code className="min-w-0 flex-1 truncate font-mono text-faint">{beginning}</code>
        {mark}
      </summary>
      <div className="flex flex-col gap-2 border-line border-t p-2.5">{children}</div>
    </details>
  );
}

/** A part of a tool call: its arguments, or what came of it. */
export function ToolText({ title, text }: { title: string; text: string }) {
  return (
    <div>
      <p className="mb-0.5 text-faint">{title}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard */}
      <pre tabIndex={0} className="max-h-72 overflow-auto whitespace-pre-wrap font-mono [overflow-wrap:anywhere]">
        {text || "(nothing)"}
      </pre>
    </div>
  );
}

/** JSON with a line for each member; anything else as the model wrote it. */
export function prettyJson(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
