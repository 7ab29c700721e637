"use client";
import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { History } from "lucide-react";
import { Fragment, useMemo, useState } from "react";
import type { Execution, FileVersionAnswer } from "#contracts";
import { Select } from "../../components/ui/field.tsx";
import { ScrollRegion } from "../../components/ui/scroll-region.tsx";
import { Empty, Failure, Skeleton } from "../../components/ui/states.tsx";
import { formatBytes, plural } from "../../lib/format.ts";
import { diffLines, foldDiff } from "../../lib/line-diff.ts";
import { queries } from "../../lib/queries.ts";

/** What each write and edit changed in a file, newest first. */
export default function FileChanges({ execution, path }: { execution: Execution; path: string }) {
  const versions = useQuery({ ...queries.fileVersions(execution.id, path), staleTime: 5000 });
  const [chosen, setChosen] = useState<string | null>(null);
  if (versions.error && !versions.data) {
    return <Failure error={versions.error} retry={() => void versions.refetch()} />;
  }
  if (!versions.data) return <Skeleton className="m-4 h-40" />;
  const { data } = versions.data;
  const version = data.find((one) => one.toolCallId === chosen) ?? data[0];
  if (!version) {
    return (
      <Empty icon={History} title="No earlier states">
        They are worked out from the journal, which is made smaller some time after the end (see the settings), and
        there are none of files that came with the task.
      </Empty>
    );
  }
  const nameOf = (memberId: string) => execution.squad.members.find((one) => one.id === memberId)?.name ?? "Muster";
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex shrink-0 items-center gap-2 border-line border-b px-3 py-1.5">
        <Select
          aria-label="State of the file"
          value={version.toolCallId}
          onChange={(event) => setChosen(event.target.value)}
          className="w-auto max-w-full"
        >
          {data.map((one, index) => (
            <option key={one.toolCallId} value={one.toolCallId}>
              {`${data.length - index}. ${one.tool === "edit_file" ? "Edited" : "Written"} by ${nameOf(one.memberId)}, ${new Date(one.at).toLocaleTimeString()} (${formatBytes(one.bytes)})`}
            </option>
          ))}
        </Select>
      </div>
      <VersionDiff key={version.toolCallId} executionId={execution.id} toolCallId={version.toolCallId} />
    </div>
  );
}

function VersionDiff({ executionId, toolCallId }: { executionId: string; toolCallId: string }) {
  const { data, error, refetch } = useQuery(queries.fileVersion(executionId, toolCallId));
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="m-4 h-40" />;
  return <DiffTable answer={data} />;
}

const looks = {
  same: { sign: " ", name: "", className: "" },
  added: { sign: "+", name: "added: ", className: "bg-good-soft" },
  removed: { sign: "−", name: "removed: ", className: "bg-bad-soft" },
} as const;

/** More rows than this are not drawn: the file can be downloaded. */
const maxRows = 3_000;

function DiffTable({ answer }: { answer: FileVersionAnswer }) {
  const rows = useMemo(() => foldDiff(diffLines(answer.before ?? "", answer.after)), [answer]);
  const shown = rows.slice(0, maxRows);
  if (rows.every((row) => row.kind === "gap" || row.kind === "same")) {
    return <Empty icon={History} title="Nothing changed" />;
  }
  return (
    <ScrollRegion label={`Changes of ${answer.path}`} className="min-h-0 flex-1 overflow-auto">
      <table className="w-full border-collapse font-mono text-xs leading-5">
        <caption className="sr-only">Lines that were removed and added</caption>
        <tbody>
          {shown.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the rows of one comparison never move
            <Fragment key={index}>
              {row.kind === "gap" ? (
                <tr className="text-faint">
                  <td colSpan={3} className="border-line border-y bg-canvas px-3 py-0.5 font-sans">
                    {plural(row.lines, "line")} unchanged
                  </td>
                </tr>
              ) : (
                <tr className={looks[row.kind].className}>
                  <td className="tabular w-10 select-none px-2 text-right align-top text-muted">{row.before ?? ""}</td>
                  <td className="tabular w-10 select-none px-2 text-right align-top text-muted">{row.after ?? ""}</td>
                  <td className="whitespace-pre-wrap pr-3 [overflow-wrap:anywhere]">
                    <span aria-hidden className={clsx("inline-block w-4 select-none text-muted")}>
                      {looks[row.kind].sign}
                    </span>
                    <span className="sr-only">{looks[row.kind].name}</span>
                    {row.text}
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      {rows.length > maxRows && (
        <p className="px-3 py-2 text-muted text-xs">{plural(rows.length - maxRows, "more line")}: download the file.</p>
      )}
    </ScrollRegion>
  );
}
