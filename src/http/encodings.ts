import { promisify } from "node:util";
import { brotliCompress, brotliCompressSync, constants, gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";

export type Encoding = "br" | "gzip" | "identity";

/** Below this size compression costs more than it saves. */
export const compressFromBytes = 1_024;

/**
 * Up to this size bytes are packed at once: that takes 0.1 ms (0.7 at worst), and to give them to a thread and take them back
 * costs more than twice the CPU (ADR 0101).
 */
const packedAtOnceBytes = 32_768;

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);
const gunzipAsync = promisify(gunzip);

/** gzip: level 1 for answers made once, 6 for bytes that are kept. */
export async function toGzip(bytes: Buffer, level: 1 | 6): Promise<Buffer> {
  return bytes.length <= packedAtOnceBytes ? gzipSync(bytes, { level }) : gzipAsync(bytes, { level });
}

/** Brotli: quality 4 for answers (half the time of 5, 4 % larger), 5 and 11 for files that are kept for good. */
export async function toBrotli(bytes: Buffer, quality: 4 | 5 | 11): Promise<Buffer> {
  const options = {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  };
  const isQuick = quality === 4 && bytes.length <= packedAtOnceBytes;
  return isQuick ? brotliCompressSync(bytes, options) : brotliAsync(bytes, options);
}

/** The plain bytes, `length` of them, of a gzip form that Muster made. */
export async function fromGzip(bytes: Buffer, length: number): Promise<Buffer> {
  return length <= packedAtOnceBytes ? gunzipSync(bytes) : gunzipAsync(bytes);
}

/** The codings an Accept-Encoding header allows (RFC 9110, section 12.5.3), of those that Muster speaks. */
export function acceptedEncodings(header: string | undefined): { br: boolean; gzip: boolean } {
  if (header === undefined || header === "") return none;
  // What nearly every client sends, without parsing.
  if (header === "gzip, deflate, br, zstd" || header === "gzip, deflate, br" || header === "br, gzip, deflate")
    return both;
  if (header === "gzip") return onlyGzip;
  return { br: accepts(header, "br"), gzip: accepts(header, "gzip") };
}

const none = Object.freeze({ br: false, gzip: false });
const onlyGzip = Object.freeze({ br: false, gzip: true });
const both = Object.freeze({ br: true, gzip: true });

function accepts(header: string, coding: string): boolean {
  for (const part of header.split(",")) {
    const [name, ...parameters] = part.split(";");
    if (name?.trim().toLowerCase() !== coding) continue;
    const q = parameters.map((one) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(one)?.[1]).find((value) => value !== undefined);
    return q === undefined || Number(q) > 0;
  }
  return false;
}
