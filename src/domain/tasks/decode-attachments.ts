import { type NewAttachment, sizeLimits } from "#contracts";
import type { Refusal } from "../store.ts";

export interface DecodedAttachment {
  name: string;
  mediaType: string;
  content: Buffer;
}

const mediaTypes: Record<string, string> = {
  csv: "text/csv",
  gif: "image/gif",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  md: "text/markdown",
  pdf: "application/pdf",
  png: "image/png",
  txt: "text/plain",
  webp: "image/webp",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
};

/** The media type that a file's ending stands for; bytes of unknown meaning otherwise. */
export function mediaTypeOf(name: string): string {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return mediaTypes[ending] ?? "application/octet-stream";
}

// Base64 with padding (RFC 4648, section 4). `Buffer.from` would skip what it does not know.
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
// A file name as every file system takes it: no folders, no control characters, not "." or "..".
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const fileName = /^(?!\.{1,2}$)[^/\\\u0000-\u001f\u007f]+$/;

/** Checks and decodes attachments of a request: names, base64, size and that no name stands twice. */
export function decodeAttachments(
  attachments: readonly NewAttachment[],
): { outcome: "ok"; attachments: DecodedAttachment[] } | Refusal {
  const decoded: DecodedAttachment[] = [];
  for (const attachment of attachments) {
    const { name, contentBase64 } = attachment;
    if (!fileName.test(name) || Buffer.byteLength(name) > 255) {
      return { outcome: "validation_failed", detail: `Attachment "${name}": use a file name without folders.` };
    }
    if (decoded.some((other) => other.name === name)) {
      return {
        outcome: "validation_failed",
        detail: `Attachment "${name}" stands twice: give each a name of its own.`,
      };
    }
    if (contentBase64.length % 4 !== 0 || !base64.test(contentBase64)) {
      return {
        outcome: "validation_failed",
        detail: `Attachment "${name}": contentBase64 is not base64 with padding.`,
      };
    }
    const content = Buffer.from(contentBase64, "base64");
    if (content.length > sizeLimits.attachmentBytes) {
      return {
        outcome: "payload_too_large",
        detail: `Attachment "${name}" has ${content.length} bytes; at most ${sizeLimits.attachmentBytes} are allowed.`,
      };
    }
    decoded.push({ name, mediaType: attachment.mediaType ?? mediaTypeOf(name), content });
  }
  return { outcome: "ok", attachments: decoded };
}
