"use client";
import { useQuery } from "@tanstack/react-query";
import { Download, File, FileText, FolderOpen, GitCompareArrows } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { Execution, ExecutionFile } from "#contracts";
import { CodeBlock } from "../../components/markdown/code-block.tsx";
import { Markdown } from "../../components/markdown/markdown.tsx";
import { Button, buttonClass } from "../../components/ui/button.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { ApiError } from "../../lib/api.ts";
import { formatBytes } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";

const FileChanges = dynamic(() => import("./file-changes.tsx"), {
  ssr: false,
  loading: () => <Skeleton className="m-4 h-40" />,
});

const previewBytes = 512_000;
const fileUrl = (executionId: string, path: string) =>
  `/api/v1/executions/${executionId}/files/${path.split("/").map(encodeURIComponent).join("/")}`;

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
  const file = files.find((one) => one.path === chosen) ?? files[0];
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
              className={`flex h-8 w-full items-center gap-2 rounded-md px-2 text-left -outline-offset-2 hover:bg-hover ${one === file ? "bg-hover" : ""}`}
            >
              <FileText aria-hidden className="size-4 shrink-0 text-faint" />
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

function FilePreview({ execution, file }: { execution: Execution; file: ExecutionFile }) {
  const { id: executionId } = execution;
  const [comparing, setComparing] = useState(false);
  const url = fileUrl(executionId, file.path);
  const text =
    /^text\/|json|xml|yaml|javascript|typescript|csv|markdown/.test(file.mediaType) ||
    /\.(md|txt|ts|js|py|csv|log|ya?ml|toml|diff|patch|sql|sh)$/.test(file.path);
  const readable = text && file.bytes <= previewBytes;
  const { data, error, refetch } = useQuery({
    queryKey: [`/executions/${executionId}/files`, url, file.modifiedAt],
    enabled: readable,
    queryFn: async ({ signal }) => {
      const response = await fetch(url, { signal });
      if (!response.ok)
        throw new ApiError(response.status, "unavailable", "This file could not be read", "It may have been removed.");
      return response.text();
    },
  });
  return (
    <div className="flex min-h-0 min-w-0 flex-1 flex-col">
      <div className="flex shrink-0 items-center gap-2 border-line border-b px-3 py-1.5">
        <span className="min-w-0 flex-1 truncate font-medium">{file.path}</span>
        {readable && !file.path.startsWith("attachments/") && (
          <Button
            small
            look={comparing ? "primary" : "secondary"}
            aria-pressed={comparing}
            icon={<GitCompareArrows aria-hidden className="size-3.5" />}
            onClick={() => setComparing(!comparing)}
          >
            Changes
          </Button>
        )}
        <a href={`${url}?download=true`} download className={buttonClass("secondary", true)}>
          <Download aria-hidden className="size-3.5" />
          Download
        </a>
      </div>
      {comparing ? (
        <FileChanges execution={execution} path={file.path} />
      ) : (
        <div className="min-h-0 flex-1 overflow-auto p-4">
          {!readable ? (
            <Empty icon={File} title={text ? "Too large to show" : "No preview for this kind of file"}>
              {formatBytes(file.bytes)}, {file.mediaType}. Download it to open it.
            </Empty>
          ) : error ? (
            <Failure error={error} retry={() => void refetch()} />
          ) : data === undefined ? (
            <Skeleton className="h-40" />
          ) : /\.(md|markdown)$/i.test(file.path) ? (
            <Markdown text={data} />
          ) : (
            <div className="prose">
              <CodeBlock code={data} language={file.path.split(".").at(-1) ?? null} />
            </div>
          )}
        </div>
      )}
    </div>
  );
}
