"use client";
import { useQuery } from "@tanstack/react-query";
import { FileText, FolderOpen, Image } from "lucide-react";
import { useState } from "react";
import type { Execution } from "#contracts";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { formatBytes } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { isPicture } from "./file-kinds.ts";
import { FilePreview } from "./file-preview.tsx";

/** The files the squad made, each with a preview and a download. */
export function FilesTab({ execution, over }: { execution: Execution; over: boolean }) {
  const { id: executionId } = execution;
  const { data, error, refetch, isPending } = useQuery({ ...queries.files(executionId), staleTime: over ? 60_000 : 0 });
  const [chosen, setChosen] = useState<string | null>(null);
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (isPending) {
    return (
      <Loading label="Loading files" className="flex flex-col gap-2 p-3">
        {[1, 2, 3].map((line) => (
          <Skeleton key={line} className="h-8" />
        ))}
      </Loading>
    );
  }
  const files = data.data;
  // What was given is known: what the squad made is shown first.
  const made = files.find(({ path }) => !path.startsWith("attachments/"));
  const file = files.find((one) => one.path === chosen) ?? made ?? files[0];
  if (!file) {
    return (
      <Empty icon={FolderOpen} title="No files">
        What members write into the workspace appears here, ready to read and download.
      </Empty>
    );
  }
  return (
    <div className="flex min-h-0 flex-1 flex-col md:flex-row">
      <ul
        aria-label="Files"
        className="max-h-44 shrink-0 overflow-y-auto border-line border-b p-1.5 md:max-h-none md:w-60 md:border-r md:border-b-0"
      >
        {files.map((one) => (
          <li key={one.path}>
            <button
              type="button"
              aria-pressed={one === file}
              onClick={() => setChosen(one.path)}
              title={one.path}
              className={`flex h-8 w-full pointer-coarse:h-10 items-center gap-2 rounded-md px-2 text-left -outline-offset-2 hover:bg-hover ${one === file ? "bg-hover" : ""}`}
            >
              {isPicture(one) ? (
                <Image aria-hidden className="size-4 shrink-0 text-faint" />
              ) : (
                <FileText aria-hidden className="size-4 shrink-0 text-faint" />
              )}
              <span className="min-w-0 flex-1 truncate">{one.path}</span>
              <span className="tabular shrink-0 text-2xs text-faint">{formatBytes(one.bytes)}</span>
            </button>
          </li>
        ))}
      </ul>
      <FilePreview key={file.path} execution={execution} file={file} />
    </div>
  );
}
