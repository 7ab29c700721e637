"use client";
import { useQuery } from "@tanstack/react-query";
import { Download, File, GitCompareArrows, ImageOff } from "lucide-react";
import dynamic from "next/dynamic";
import { useEffect, useState } from "react";
import type { Execution, ExecutionFile } from "#contracts";
import { CodeBlock } from "../../components/markdown/code-block.tsx";
import { Markdown } from "../../components/markdown/markdown.tsx";
import { Button, buttonClass } from "../../components/ui/button.tsx";
import { Empty, Failure, Skeleton } from "../../components/ui/states.tsx";
import { ApiError } from "../../lib/api.ts";
import { formatBytes } from "../../lib/format.ts";
import { previewOf } from "./file-kinds.ts";

const FileChanges = dynamic(() => import("./file-changes.tsx"), {
  ssr: false,
  loading: () => <Skeleton className="m-4 h-40" />,
});

const fileUrl = (executionId: string, path: string) =>
  `/api/v1/executions/${executionId}/files/${path.split("/").map(encodeURIComponent).join("/")}`;

/** One file: its text or picture, what changed in it, and the download. */
export function FilePreview({ execution, file }: { execution: Execution; file: ExecutionFile }) {
  const [comparing, setComparing] = useState(false);
  const url = fileUrl(execution.id, file.path);
  const preview = previewOf(file);
  return (
    <div className="flex min-h-0 min-w-0 flex-1 flex-col">
      <div className="flex shrink-0 items-center gap-2 border-line border-b px-3 py-1.5">
        <span className="min-w-0 flex-1 truncate font-medium">{file.path}</span>
        {preview === "text" && !file.path.startsWith("attachments/") && (
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
          {preview === "text" ? (
            <TextPreview executionId={execution.id} file={file} url={url} />
          ) : preview === "picture" ? (
            <PicturePreview executionId={execution.id} file={file} url={url} />
          ) : (
            <Empty
              icon={File}
              title={preview === "too_large" ? "Too large to show" : "No preview for this kind of file"}
            >
              {formatBytes(file.bytes)}, {file.mediaType}. Download it to open it.
            </Empty>
          )}
        </div>
      )}
    </div>
  );
}

interface PreviewProps {
  executionId: string;
  file: ExecutionFile;
  url: string;
}

/** The content in one of its states; read anew when the file was written again. */
function useContent<Content>({ executionId, file, url }: PreviewProps, take: (response: Response) => Promise<Content>) {
  return useQuery({
    queryKey: [`/executions/${executionId}/files`, url, file.modifiedAt],
    queryFn: async ({ signal }) => {
      const response = await fetch(url, { signal });
      if (!response.ok)
        throw new ApiError(response.status, "unavailable", "This file could not be read", "It may have been removed.");
      return take(response);
    },
  });
}

function TextPreview(props: PreviewProps) {
  const { data, error, refetch } = useContent(props, (response) => response.text());
  const { path } = props.file;
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (data === undefined) return <Skeleton className="h-40" />;
  if (/\.(md|markdown)$/i.test(path)) return <Markdown text={data} />;
  return (
    <div className="prose">
      <CodeBlock code={data} language={path.split(".").at(-1) ?? null} />
    </div>
  );
}

/** The bytes as a picture of this type; null when they are none. Untrusted: nothing but the picture decoder gets them. */
async function takePicture(response: Response, type: string): Promise<Blob | null> {
  const picture = new Blob([await response.arrayBuffer()], { type });
  const decoded = await createImageBitmap(picture).catch(() => null);
  decoded?.close();
  return decoded && picture;
}

function PicturePreview(props: PreviewProps) {
  const { path, mediaType } = props.file;
  const { data: picture, error, refetch } = useContent(props, (response) => takePicture(response, mediaType));
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (!picture) return;
    const made = URL.createObjectURL(picture);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [picture]);
  if (error) return <Failure error={error} retry={() => void refetch()} />;
  if (picture === null) {
    return (
      <Empty icon={ImageOff} title="Not a picture">
        Its name says {mediaType}, its content is something else. Download it to open it.
      </Empty>
    );
  }
  if (!address) return <Skeleton className="h-40" />;
  return (
    // biome-ignore lint/performance/noImgElement: a picture of unknown size that no loader of ours may change
    <img
      src={address}
      alt={path}
      className="mx-auto max-h-[70vh] max-w-full rounded-md border border-line object-contain"
    />
  );
}
