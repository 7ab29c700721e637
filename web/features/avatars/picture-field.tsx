"use client";
import { ImageUp, Trash2 } from "lucide-react";
import { useRef, useState } from "react";
import type { AvatarBody } from "#contracts";
import { Avatar } from "../../components/ui/avatar.tsx";
import { Button } from "../../components/ui/button.tsx";
import { apiSend } from "../../lib/api.ts";
import { toBase64 } from "../../lib/base64.ts";
import { toastDone, toastError } from "../../lib/toast.ts";

/** The server's limit (`sizeLimits.avatarBytes`), told before the upload. */
const maxBytes = 5_242_880;

interface PictureFieldProps {
  /** Where the picture is put and deleted. */
  path: string;
  name: string;
  role?: string | null;
  picture: string | null;
  /** Called when the server has it; reads anew what shows it. */
  onChanged: () => Promise<unknown>;
}

/** The picture of a person or member, with the ways to give, change and take it away. */
export function PictureField({ path, name, role = null, picture, onChanged }: PictureFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const put = async (file: Blob, done: string) => {
    if (file.size > maxBytes) {
      toastError("The picture was not taken", new Error("It is larger than 5 MB. Choose a smaller one."));
      return;
    }
    setBusy(true);
    try {
      await apiSend("PUT", path, { imageBase64: await toBase64(file) } satisfies AvatarBody);
      await onChanged();
      toastDone(done);
    } catch (error) {
      toastError("The picture was not taken", error);
    }
    setBusy(false);
  };
  const remove = async () => {
    setBusy(true);
    try {
      const before = picture ? await readPicture(picture) : null;
      await apiSend("DELETE", path);
      await onChanged();
      toastDone("Picture removed", before ? () => void put(before, "Picture restored") : undefined);
    } catch (error) {
      toastError("The picture is still there", error);
    }
    setBusy(false);
  };
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
      <Avatar name={name} role={role} picture={picture} size={40} />
      <input
        ref={input}
        type="file"
        accept="image/png,image/jpeg,image/webp,image/gif,image/avif"
        aria-label={`Picture of ${name}`}
        tabIndex={-1}
        className="sr-only"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) void put(file, "Picture saved");
        }}
      />
      <Button
        small
        busy={busy}
        icon={<ImageUp aria-hidden className="size-3.5" />}
        onClick={() => input.current?.click()}
      >
        {picture ? "Change picture" : "Upload picture"}
      </Button>
      {picture && (
        <Button
          small
          look="ghost"
          disabled={busy}
          icon={<Trash2 aria-hidden className="size-3.5" />}
          onClick={() => void remove()}
        >
          Remove picture
        </Button>
      )}
      <p className="text-faint text-xs">PNG, JPEG, WebP, GIF or AVIF up to 5 MB. Kept small, without its metadata.</p>
    </div>
  );
}

/** The largest form of a picture that is kept, to give it back on undo; null when it is gone already. */
async function readPicture(key: string): Promise<Blob | null> {
  const response = await fetch(`/api/v1/avatars/${key.split(".", 1)[0]}/160.webp`).catch(() => null);
  return response?.ok ? response.blob() : null;
}
