"use client";
import { FilePlus2, FileText, X } from "lucide-react";
import { type DragEvent, useState } from "react";
import { IconButton } from "../../components/ui/button.tsx";
import { formatBytes } from "../../lib/format.ts";
import { attachmentProblem } from "./attachments.ts";

interface FilePickerProps {
  id: string;
  files: File[];
  onChange: (files: File[]) => void;
}

/** Files chosen or dropped, listed with a way to leave each out. */
export function FilePicker({ id, files, onChange }: FilePickerProps) {
  const [over, setOver] = useState(false);
  const problem = attachmentProblem(files);
  const add = (list: FileList | null) => onChange([...files, ...Array.from(list ?? [])]);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    add(event.dataTransfer.files);
  };
  return (
    <div>
      <label
        htmlFor={id}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        className={`flex min-h-11 cursor-pointer items-center justify-center gap-2 rounded-md border border-dashed px-3 text-muted hover:bg-hover has-focus-visible:outline-2 has-focus-visible:outline-accent ${over ? "border-accent bg-accent-soft" : "border-line-strong"}`}
      >
        <FilePlus2 aria-hidden className="size-4" />
        Attach files: choose, or drop them here
        <input
          id={id}
          type="file"
          multiple
          className="sr-only"
          onChange={(event) => {
            add(event.target.files);
            event.target.value = "";
          }}
        />
      </label>
      {files.length > 0 && (
        <ul className="mt-2 flex flex-col gap-1">
          {files.map((file, index) => (
            <li key={`${file.name} ${file.size}`} className="flex h-8 items-center gap-2 rounded-md bg-hover pl-2.5">
              <FileText aria-hidden className="size-4 shrink-0 text-faint" />
              <span className="min-w-0 flex-1 truncate">{file.name}</span>
              <span className="tabular text-faint text-xs">{formatBytes(file.size)}</span>
              <IconButton
                label={`Leave out ${file.name}`}
                onClick={() => onChange(files.filter((_, at) => at !== index))}
              >
                <X aria-hidden className="size-3.5" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      {problem && (
        <p role="alert" className="mt-1 text-bad text-xs">
          {problem}
        </p>
      )}
    </div>
  );
}
