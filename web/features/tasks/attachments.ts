import type { NewAttachment } from "#contracts";
import { toBase64 } from "../../lib/base64.ts";

/** The server's limits (`sizeLimits` of the contracts), told before the upload. */
export const attachmentLimits = { bytes: 5_242_880, count: 20 };

/** A file as the API takes it. Rejects when the browser cannot read the file. */
export async function toAttachment(file: File): Promise<NewAttachment> {
  const mediaType = /^[\w.+-]+\/[\w.+-]+$/.test(file.type) ? file.type : undefined;
  return { name: file.name, ...(mediaType ? { mediaType } : {}), contentBase64: await toBase64(file) };
}

/** Why this file cannot be attached to anything, or null when it can. */
export function fileProblem(file: { name: string; size: number }): string | null {
  return file.size > attachmentLimits.bytes ? `“${file.name}” is larger than 5 MB.` : null;
}

/** Why these files cannot be attached together, or null when they can. */
export function attachmentProblem(files: { name: string; size: number }[], present = 0): string | null {
  if (files.length + present > attachmentLimits.count) return `A task takes ${attachmentLimits.count} files at most.`;
  const large = files.map(fileProblem).find((problem) => problem !== null);
  if (large) return large;
  const names = files.map((file) => file.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice ? `Two files are named “${twice}”.` : null;
}
