"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Download, FilePlus2, FileText, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import type { Attachment, Task } from "#contracts";
import { Button, IconButton } from "../../components/ui/button.tsx";
import { apiSend, unwrap } from "../../lib/api.ts";
import { formatBytes } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { toastError } from "../../lib/toast.ts";
import { RefusedFiles } from "./refused-files.tsx";
import { useUploads } from "./use-uploads.ts";

interface Removed {
  name: string;
  content: Blob;
}

/** The files of a task: read, add, remove. The way back stands here: behind a dialog nothing can be pressed. */
export function TaskAttachments({ task }: { task: Task }) {
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [removed, setRemoved] = useState<Removed | null>(null);
  const refresh = () => {
    void client.invalidateQueries({ queryKey: queries.task(task.id).queryKey });
    void client.invalidateQueries({ queryKey: ["/tasks"] });
  };
  const { add, adding, refused, drop } = useUploads(task, refresh);
  const remove = async (attachment: Attachment) => {
    const path = `/api/v1/tasks/${task.id}/attachments/${attachment.id}`;
    try {
      // What is not in hand cannot be given back.
      const content = await readFile(path, attachment.mediaType);
      await apiSend("DELETE", path);
      refresh();
      setRemoved({ name: attachment.name, content });
    } catch (error) {
      toastError("Not removed", error);
    }
  };
  const putBack = async ({ name, content }: Removed) => {
    setRemoved(null);
    await add([new File([content], name, { type: content.type })]);
  };
  return (
    <section>
      <div className="mb-1 flex items-center justify-between">
        <h3 className="font-medium text-muted text-xs">Attachments</h3>
        <Button
          small
          look="ghost"
          busy={adding !== null}
          icon={<FilePlus2 aria-hidden className="size-3.5" />}
          onClick={() => input.current?.click()}
        >
          {adding ? `Adding ${adding.number} of ${adding.total}` : "Add files"}
        </Button>
        <input
          ref={input}
          type="file"
          multiple
          hidden
          aria-label="Add files"
          onChange={(event) => {
            void add(Array.from(event.target.files ?? []));
            event.target.value = "";
          }}
        />
      </div>
      {task.attachments.length === 0 ? (
        <p className="text-faint text-xs">None. Files that are attached stand in the squad's workspace.</p>
      ) : (
        <ul className="divide-y divide-line rounded-md border border-line">
          {task.attachments.map((attachment) => (
            <li key={attachment.id} className="flex h-9 items-center gap-2 pr-1 pl-2.5">
              <FileText aria-hidden className="size-4 shrink-0 text-faint" />
              <span className="min-w-0 flex-1 truncate">{attachment.name}</span>
              <span className="tabular text-faint text-xs">{formatBytes(attachment.bytes)}</span>
              <a
                href={`/api/v1/tasks/${task.id}/attachments/${attachment.id}`}
                download={attachment.name}
                aria-label={`Download ${attachment.name}`}
                className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover pointer-coarse:size-10"
              >
                <Download aria-hidden className="size-4" />
              </a>
              <IconButton label={`Remove ${attachment.name}`} onClick={() => void remove(attachment)}>
                <Trash2 aria-hidden className="size-4" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      <RefusedFiles refused={refused} busy={adding !== null} again={add} drop={drop} />
      {removed && (
        <p role="status" className="mt-1 flex items-center gap-2 text-xs">
          <span className="min-w-0 truncate">{removed.name} removed</span>
          <Button small look="ghost" onClick={() => void putBack(removed)}>
            Undo
          </Button>
        </p>
      )}
    </section>
  );
}

/** The bytes of an attachment. Throws `ApiError` when they are not there. */
async function readFile(path: string, mediaType: string): Promise<Blob> {
  const response = await fetch(path);
  if (!response.ok) return unwrap<never>(response.status, await response.json().catch(() => null));
  return new Blob([await response.arrayBuffer()], { type: mediaType });
}
