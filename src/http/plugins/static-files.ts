import { readdir, readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { compressFromBytes, toBrotli, toGzip } from "../encodings.ts";
import { etagOf } from "../response-cache.ts";

/** A file of the built UI, in memory with its compressed forms. */
export interface StaticFile {
  /** As in the address, from `/`. */
  path: string;
  contentType: string;
  etag: string;
  identity: Buffer;
  br: Buffer | null;
  gzip: Buffer | null;
  /** The name contains a hash of the content: it never changes. */
  immutable: boolean;
}

const contentTypes: Record<string, string> = {
  ".avif": "image/avif",
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
  ".xml": "application/xml",
};
const compressible = /^(text\/|application\/(json|manifest|xml)|image\/svg)/;

/**
 * Reads a folder into memory, so that a request can only name what was there at the start: no path of a client ever
 * reaches the file system. Compressed forms made by the build (`.br`, `.gz` beside the file) are taken; others are made
 * when `compress` is called. The file named `except` is left out.
 */
export async function readStaticFiles(root: string, except: string): Promise<Map<string, StaticFile>> {
  const names = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((name) => name !== except);
  const all = new Set(names);
  const files = new Map<string, StaticFile>();
  for (const name of names) {
    if (isCompressedForm(name, all)) continue;
    const identity = await readFile(join(root, name));
    const path = `/${name.split(sep).join("/")}`;
    files.set(path, {
      path,
      contentType: contentTypes[extname(name)] ?? "application/octet-stream",
      etag: etagOf(identity),
      identity,
      br: all.has(`${name}.br`) ? await readFile(join(root, `${name}.br`)) : null,
      gzip: all.has(`${name}.gz`) ? await readFile(join(root, `${name}.gz`)) : null,
      immutable: path.startsWith("/_next/static/"),
    });
  }
  return files;
}

function isCompressedForm(name: string, all: ReadonlySet<string>): boolean {
  const plain = /^(.*)\.(br|gz)$/.exec(name)?.[1];
  return plain !== undefined && all.has(plain);
}

/** Makes the compressed forms a file lacks, once; text only. */
export async function compressFile(file: StaticFile): Promise<void> {
  if (!compressible.test(file.contentType) || file.identity.length < compressFromBytes) return;
  file.gzip ??= await toGzip(file.identity, 6);
  file.br ??= await toBrotli(file.identity, 5);
}
