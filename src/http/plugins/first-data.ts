import type { FastifyReply, FastifyRequest } from "fastify";
import { fillIn } from "#contracts";
import { acceptedEncodings, toGzip } from "../encodings.ts";
import { etagOf } from "../response-cache.ts";
import { matchesEtag } from "../send-answer.ts";
import { type DrawFirstView, insertFirstView } from "./first-view.ts";
import type { StaticFile } from "./static-files.ts";

/** Reads an address of the API with the credentials of a request; null unless it answers 200. */
export type InternalRead = (request: FastifyRequest, url: string) => Promise<string | null>;

/** Which answers a page shows first; the UI's build writes it (`/first-data.json`). */
export interface FirstDataTable {
  frameData: string;
  publicPages: RegExp;
  pages: { page: RegExp; urls: string[] }[];
}

/**
 * A page is not held up for data that is not there within this time: the browser asks for it itself, and shows a waiting
 * shape meanwhile. Long enough for a busy machine: what the page shows comes no sooner by a second request.
 */
const patienceMs = 500;
const place = /(<script\b[^>]*\bid="muster-data"[^>]*>)\{\}(<\/script>)/;

/** The table in the UI's folder; null when the UI has none. */
export function parseFirstDataTable(bytes: Buffer | undefined): FirstDataTable | null {
  if (!bytes) return null;
  const table = JSON.parse(bytes.toString("utf8")) as {
    frameData: string;
    publicPages: string;
    pages: { page: string; urls: string[] }[];
  };
  return {
    frameData: table.frameData,
    publicPages: new RegExp(table.publicPages),
    pages: table.pages.map(({ page, urls }) => ({ page: new RegExp(page), urls })),
  };
}

/** Sends a page with its first data written into it. False, with nothing sent, where there is none to write. */
export async function inlineFirstData(options: {
  request: FastifyRequest;
  reply: FastifyReply;
  file: StaticFile;
  table: FirstDataTable;
  read: InternalRead;
  firstView: () => Promise<DrawFirstView | null>;
  /** Told what went wrong with drawing: the page goes out with its waiting shape. */
  onError: (error: unknown) => void;
  headers: Record<string, string>;
}): Promise<boolean> {
  const { request, reply, file, table, read } = options;
  const path = request.url.split("?", 1)[0] ?? "/";
  if (table.publicPages.test(path)) return false;
  const hasQuery = request.url.includes("?");
  // Before the reads: loading it, once, would take their time.
  const draw = hasQuery ? null : await openedFirstView(options);
  const given = await readAll(urlsOf(table, path, hasQuery), (url) => read(request, url));
  if (given === null) return false;
  const html = withFirstView(file, path, given, draw, options.onError);
  if (!place.test(html)) return false;
  // "<" is written as an escape: no text inside can end the script element.
  const data = given.replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  const page = Buffer.from(html.replace(place, (_, open: string, close: string) => open + data + close));
  await sendPage(request, reply, page, options.headers);
  return true;
}

/** A UI whose drawing part cannot be loaded still has pages: they show their waiting shapes. */
async function openedFirstView(options: {
  firstView: () => Promise<DrawFirstView | null>;
  onError: (error: unknown) => void;
}): Promise<DrawFirstView | null> {
  try {
    return await options.firstView();
  } catch (error) {
    options.onError(error);
    return null;
  }
}

function withFirstView(
  file: StaticFile,
  path: string,
  given: string,
  draw: DrawFirstView | null,
  onError: (error: unknown) => void,
): string {
  const html = file.identity.toString("utf8");
  try {
    const content = draw?.(path, JSON.parse(given) as Record<string, unknown>) ?? null;
    return content === null ? html : insertFirstView(html, content);
  } catch (error) {
    onError(error);
    return html;
  }
}

function urlsOf(table: FirstDataTable, path: string, hasQuery: boolean): string[] {
  const urls = [table.frameData];
  if (hasQuery) return urls;
  const now = new Date();
  for (const { page, urls: wanted } of table.pages) {
    const match = page.exec(path);
    if (match) urls.push(...wanted.map((url) => fillIn(url, match, now)));
  }
  return urls;
}

/** The answers as one JSON object by address; null when nobody is signed in (the first one fails). */
async function readAll(urls: string[], read: (url: string) => Promise<string | null>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patienceMs);
  });
  const answers = await Promise.all(urls.map((url) => Promise.race([read(url), patience])));
  clearTimeout(timer);
  if (answers[0] === null) return null;
  const members = urls.flatMap((url, index) => {
    const answer = answers[index];
    return answer === null || answer === undefined ? [] : [`${JSON.stringify(url)}:${answer}`];
  });
  return `{${members.join(",")}}`;
}

async function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  page: Buffer,
  headers: Record<string, string>,
): Promise<void> {
  const etag = etagOf(page);
  const { raw } = reply;
  reply.hijack();
  if (matchesEtag(request.headers["if-none-match"], etag)) {
    raw.writeHead(304, { ...headers, etag });
    raw.end();
    return;
  }
  const gzip = acceptedEncodings(request.headers["accept-encoding"]).gzip;
  const bytes = gzip ? await toGzip(page, 1) : page;
  raw.writeHead(200, {
    ...headers,
    "content-type": "text/html; charset=utf-8",
    "content-length": bytes.length,
    etag,
    ...(gzip ? { "content-encoding": "gzip" } : {}),
  });
  raw.end(bytes);
}
