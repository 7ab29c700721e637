import type { FileHandle } from "node:fs/promises";

/** The tape archive format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header". */
const blockBytes = 512;
/** More than any part of a backup has; a larger size is a damaged header. */
const maxEntryBytes = 1_073_741_824;

/** A file in an archive. */
export interface TarEntry {
  path: string;
  content: Buffer;
  modifiedAtMs: number;
}

/** The archive cannot be read: it is none, was cut short, or was changed. */
export class TarError extends Error {
  override name = "TarError";
}

function octal(value: number, length: number): string {
  return `${Math.floor(value)
    .toString(8)
    .padStart(length - 1, "0")}\0`;
}

/** Cuts a path into the header's `name` (100 bytes) and `prefix` (155), at a slash; null when it does not fit. */
function splitPath(path: string): { name: string; prefix: string } | null {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    const prefix = path.slice(0, slash);
    const name = path.slice(slash + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100 && name !== "") return { name, prefix };
  }
  return null;
}

function header(path: { name: string; prefix: string }, bytes: number, type: "0" | "x", modifiedAtMs: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(path.name, 0, 100);
  block.write(octal(0o600, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(bytes, 12), 124);
  block.write(octal(Math.max(0, modifiedAtMs / 1_000), 12), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write("ustar\x0000", 257);
  block.write(path.prefix, 345, 155);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Sum of the header's bytes, with its own field as spaces. */
function checksum(block: Buffer): number {
  let sum = 0;
  for (let index = 0; index < blockBytes; index++) sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
  return sum;
}

function padded(content: Buffer): Buffer[] {
  const rest = content.length % blockBytes;
  return rest === 0 ? [content] : [content, Buffer.alloc(blockBytes - rest)];
}

/** A file as the bytes of an archive, ready to be appended. */
export function tarEntry({ path, content, modifiedAtMs }: TarEntry): Buffer[] {
  const split = splitPath(path);
  if (split) return [header(split, content.length, "0", modifiedAtMs), ...padded(content)];
  // Each record begins with its own length, that of the length's digits included.
  const record = (length: number) => `${length} path=${path}\n`;
  let length = Buffer.byteLength(record(0));
  while (Buffer.byteLength(record(length)) !== length) length = Buffer.byteLength(record(length));
  const extended = Buffer.from(record(length));
  return [
    header({ name: "pax", prefix: "" }, extended.length, "x", modifiedAtMs),
    ...padded(extended),
    header({ name: "long-name", prefix: "" }, content.length, "0", modifiedAtMs),
    ...padded(content),
  ];
}

/** What ends an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}

function textAt(block: Buffer, from: number, length: number): string {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end);
}

function numberAt(block: Buffer, from: number, length: number): number {
  const text = textAt(block, from, length).trim();
  if (!/^[0-7]*$/.test(text)) throw new TarError("a header of the archive is damaged");
  return Number.parseInt(text || "0", 8);
}

function paxPath(content: Buffer): string | null {
  return /^\d+ path=(.*)$/m.exec(content.toString("utf8"))?.[1] ?? null;
}

/** Reads exactly this many bytes, or none at the end of the file. */
async function readExactly(file: FileHandle, bytes: number): Promise<Buffer | null> {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  if (filled === 0 && bytes > 0) return null;
  if (filled < bytes) throw new TarError("the archive was cut short");
  return buffer;
}

/**
 * The files of an archive in their order; folders are left out. `onBytes` gets everything that was read, entry by entry,
 * before the entry is handed over. @throws {TarError}
 */
export async function* readTar(
  file: FileHandle,
  onBytes: (bytes: readonly Buffer[], path: string) => void,
): AsyncGenerator<TarEntry> {
  let longPath: string | null = null;
  let before: Buffer[] = [];
  for (;;) {
    const block = await readExactly(file, blockBytes);
    if (block === null) throw new TarError("the archive was cut short");
    if (block.every((byte) => byte === 0)) return;
    if (numberAt(block, 148, 8) !== checksum(block)) throw new TarError("a header of the archive is damaged");
    const bytes = numberAt(block, 124, 12);
    if (bytes > maxEntryBytes) throw new TarError("a header of the archive is damaged");
    const whole = (await readExactly(file, Math.ceil(bytes / blockBytes) * blockBytes)) ?? Buffer.alloc(0);
    if (bytes > 0 && whole.length === 0) throw new TarError("the archive was cut short");
    const content = whole.subarray(0, bytes);
    const type = textAt(block, 156, 1) || "0";
    const prefix = textAt(block, 345, 155);
    const path: string = longPath ?? (prefix === "" ? "" : `${prefix}/`) + textAt(block, 0, 100);
    before.push(block, whole);
    if (type === "x") {
      longPath = paxPath(content);
      continue;
    }
    onBytes(before, path);
    before = [];
    longPath = null;
    if (type === "5") continue;
    if (type !== "0") throw new TarError(`the archive has an entry of another kind: ${path}`);
    yield { path, content, modifiedAtMs: numberAt(block, 136, 12) * 1_000 };
  }
}
