import type { FastifyReply, FastifyRequest } from "fastify";
import { mediaTypeOf } from "#domain";
import { downloadHeaders } from "./plugins/security-headers.ts";
import { etagOf } from "./response-cache.ts";
import { matchesEtag } from "./send-answer.ts";

/** Types that a browser may show inside the sandbox of `downloadHeaders`; everything else is downloaded or plain text. */
const shownInline =
  /^(text\/(plain|csv|markdown)|application\/(json|yaml|xml)|image\/(png|jpeg|webp|gif)|application\/pdf)$/;
const asPlainText = /^(text\/|application\/(json|yaml|xml))/;

/** Sends untrusted bytes: sandboxed, never sniffed, never as a page of ours. */
export function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: { name: string; content: Buffer; download: boolean },
): void {
  const etag = etagOf(file.content);
  reply.headers(downloadHeaders).header("etag", etag).header("vary", "Authorization, Cookie");
  if (matchesEtag(request.headers["if-none-match"], etag)) {
    reply.code(304).send();
    return;
  }
  const mediaType = mediaTypeOf(file.name);
  const inline = !file.download && shownInline.test(mediaType);
  const name = file.name.split("/").at(-1) ?? "file";
  // RFC 6266 with RFC 8187: an ASCII form for old clients, the real name for the others.
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  reply
    .header(
      "content-disposition",
      `${inline ? "inline" : "attachment"}; filename="${ascii}"; filename*=UTF-8''${encoded}`,
    )
    .type(inline && asPlainText.test(mediaType) ? "text/plain; charset=utf-8" : mediaType)
    .send(file.content);
}
