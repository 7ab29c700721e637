import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { acceptedEncodings } from "../encodings.ts";
import { matchesEtag } from "../send-answer.ts";
import { type InternalRead, inlineFirstData, parseFirstDataTable } from "./first-data.ts";
import { firstViewFile, openFirstView } from "./first-view.ts";
import { pageHeaders } from "./security-headers.ts";
import { compressFile, readStaticFiles, type StaticFile } from "./static-files.ts";

/** The built web UI. */
export interface StaticUi {
  /** Sends the page or file at a path, or the UI's own 404 page. */
  send(request: FastifyRequest, reply: FastifyReply, path: string): void;
  /** Lets pages carry their first data: how to read an address of the API as the sender of a request. */
  inlineWith(read: InternalRead, onError: (error: unknown) => void): void;
}

/** The one page that stands for all ids known only at run time (`generateStaticParams` of the UI). */
const placeholder = "_";
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const inlineScript = /<script(?![^>]*\bsrc=)(?![^>]*type="application\/json")[^>]*>([\s\S]*?)<\/script>/g;
const assetHeaders = { "x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin" };

/** Reads the UI's folder; rejects when it is not there. */
export async function openStaticUi(root: string): Promise<StaticUi> {
  const files = await readStaticFiles(root, firstViewFile);
  const firstView = openFirstView(root);
  const headers = new Map<StaticFile, Record<string, string>>();
  for (const file of files.values()) headers.set(file, headersOf(file));
  const table = parseFirstDataTable(files.get("/first-data.json")?.identity);
  let read: InternalRead | null = null;
  let onError: (error: unknown) => void = () => undefined;

  function find(path: string): StaticFile | undefined {
    const decoded = decodePath(path);
    if (decoded === null) return undefined;
    // Browsers ask for it by themselves before they have read which icon a page has.
    if (decoded === "/favicon.ico") return files.get("/icon.svg");
    const generic = decoded
      .split("/")
      .map((part) =>
        part.replace(/^([^.]*)(\..*)?$/, (all, name: string, rest = "") =>
          uuid.test(name) ? placeholder + rest : all,
        ),
      )
      .join("/");
    for (const candidate of generic === decoded ? [decoded] : [decoded, generic]) {
      const bare = candidate.length > 1 && candidate.endsWith("/") ? candidate.slice(0, -1) : candidate;
      const file =
        files.get(candidate) ?? files.get(`${bare}.html`) ?? files.get(`${bare === "/" ? "" : bare}/index.html`);
      if (file && !file.path.startsWith("/first-data.json")) return file;
    }
    return undefined;
  }

  async function sendFile(
    request: FastifyRequest,
    reply: FastifyReply,
    file: StaticFile,
    status: number,
  ): Promise<void> {
    await compressFile(file);
    const { raw } = reply;
    reply.hijack();
    const shared = headers.get(file) ?? {};
    if (status === 200 && matchesEtag(request.headers["if-none-match"], file.etag)) {
      raw.writeHead(304, { ...shared, etag: file.etag });
      raw.end();
      return;
    }
    const accepted = acceptedEncodings(request.headers["accept-encoding"]);
    const coding = accepted.br && file.br ? "br" : accepted.gzip && file.gzip ? "gzip" : null;
    const bytes = (coding === "br" ? file.br : coding === "gzip" ? file.gzip : null) ?? file.identity;
    raw.writeHead(status, {
      ...shared,
      "content-type": file.contentType,
      "content-length": bytes.length,
      etag: file.etag,
      ...(coding === null ? {} : { "content-encoding": coding }),
    });
    raw.end(request.method === "HEAD" ? undefined : bytes);
  }

  return {
    send(request, reply, path) {
      const file = find(path);
      const shown = file ?? files.get("/404.html");
      if (!shown) {
        reply.code(404).type("text/plain; charset=utf-8").send("There is nothing at this address.");
        return;
      }
      const isPage = file?.contentType.startsWith("text/html") === true;
      const sending =
        isPage && read && table && request.headers.cookie !== undefined && request.method === "GET"
          ? inlineFirstData({
              request,
              reply,
              file,
              table,
              read,
              firstView,
              onError,
              headers: headers.get(file) ?? {},
            }).then((sent) => (sent ? undefined : sendFile(request, reply, shown, 200)))
          : sendFile(request, reply, shown, file ? 200 : 404);
      sending.catch((error: unknown) => reply.raw.destroy(error instanceof Error ? error : undefined));
    },
    inlineWith(internalRead, report) {
      read = internalRead;
      onError = report;
    },
  };
}

function decodePath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null; // Not percent-encoding: nothing is there.
  }
}

function headersOf(file: StaticFile): Record<string, string> {
  const vary = { vary: "Accept-Encoding" };
  if (file.immutable) return { ...assetHeaders, ...vary, "cache-control": "public, max-age=31536000, immutable" };
  if (!file.contentType.startsWith("text/html")) return { ...assetHeaders, ...vary, "cache-control": "no-cache" };
  const hashes = new Set<string>();
  for (const [, script = ""] of file.identity.toString("utf8").matchAll(inlineScript)) {
    if (script !== "") hashes.add(`'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  }
  return { ...pageHeaders([...hashes]), vary: "Accept-Encoding, Cookie", "cache-control": "private, no-cache" };
}
