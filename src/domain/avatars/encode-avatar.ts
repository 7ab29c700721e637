import { createHash } from "node:crypto";
import { type AvatarFormat, type AvatarSize, avatarFormats, avatarSizes } from "#contracts";
import type { Refusal } from "../store.ts";

export interface EncodedAvatar {
  /** The hash of all pictures, a dot, and the miniature: what `avatar_key` holds. */
  key: string;
  hash: string;
  pictures: { size: AvatarSize; format: AvatarFormat; content: Buffer }[];
}

/** Makes the pictures that are kept of an upload. Refuses what is no picture or too large. */
export type AvatarEncoder = (upload: Buffer) => Promise<{ outcome: "ok"; avatar: EncodedAvatar } | Refusal>;

type Sharp = typeof import("sharp")["default"];

/** A picture of more pixels is refused before it is decoded: 40 million is beyond what telephones make. */
const maxPixels = 40_000_000;
/** Seconds after which decoding is given up. */
const decodeLimitSeconds = 10;
const quality: Record<AvatarFormat, number> = { webp: 75, avif: 60 };
const miniatureSize = 8;
/** The decoders that may run, by the names of libvips; all others are shut, whatever an upload says it is. */
const decoders = ["Jpeg", "Png", "Webp", "Nsgif", "Heif"].map((name) => `VipsForeignLoad${name}Buffer`);

/**
 * An encoder that works on one upload at a time, so that many at once cannot fill the memory. The image library is loaded
 * with the first upload: a server to which nobody uploads anything never holds it.
 */
export function createAvatarEncoder(): AvatarEncoder {
  let loading: Promise<Sharp> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const load = (): Promise<Sharp> => {
    loading ??= loadSharp();
    return loading;
  };
  return (upload) => {
    if (!isPicture(upload)) {
      return Promise.resolve({
        outcome: "validation_failed",
        detail: "imageBase64: send a PNG, JPEG, WebP, GIF or AVIF picture.",
      });
    }
    const next = last.then(async () => encode(await load(), upload));
    last = next.catch(() => undefined);
    return next;
  };
}

async function loadSharp(): Promise<Sharp> {
  const { default: sharp } = await import("sharp");
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: decoders });
  return sharp;
}

/** What pictures of the accepted kinds begin with; names and media types are never believed. */
function isPicture(bytes: Buffer): boolean {
  const head = bytes.toString("latin1", 0, 12);
  return (
    head.startsWith("\u0089PNG\r\n\u001a\n") ||
    head.startsWith("\u00ff\u00d8\u00ff") ||
    /^RIFF[\s\S]{4}WEBP$/.test(head) ||
    /^GIF8[79]a/.test(head) ||
    /^[\s\S]{4}ftypavi[fs]$/.test(head)
  );
}

async function encode(sharp: Sharp, upload: Buffer): ReturnType<AvatarEncoder> {
  let square: Buffer;
  try {
    // Turned as its EXIF says; all metadata is left behind.
    square = await sharp(upload, { limitInputPixels: maxPixels, sequentialRead: true, failOn: "error" })
      .autoOrient()
      .resize(avatarSizes[2], avatarSizes[2], { fit: "cover", position: "attention" })
      .timeout({ seconds: decodeLimitSeconds })
      .raw({ depth: "uchar" })
      .toColourspace("srgb")
      .ensureAlpha()
      .toBuffer();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      outcome: "validation_failed",
      detail: /pixel limit/i.test(why)
        ? `imageBase64: the picture has more than ${maxPixels / 1_000_000} million pixels. Send a smaller one.`
        : "imageBase64: the picture is damaged or of a kind that cannot be read. Send another.",
    };
  }
  const raw = { width: avatarSizes[2], height: avatarSizes[2], channels: 4 } as const;
  const shrunk = (size: number) => sharp(square, { raw }).resize(size, size);
  const pictures: EncodedAvatar["pictures"] = [];
  for (const size of avatarSizes) {
    for (const format of avatarFormats) {
      const content = await shrunk(size).toFormat(format, { quality: quality[format] }).toBuffer();
      pictures.push({ size, format, content });
    }
  }
  const miniature = await shrunk(miniatureSize).webp({ quality: 20, alphaQuality: 20, effort: 6 }).toBuffer();
  const digest = createHash("sha256");
  for (const { content } of pictures) digest.update(content);
  const hash = digest.digest().subarray(0, 16).toString("base64url");
  return { outcome: "ok", avatar: { key: `${hash}.${miniature.toString("base64url")}`, hash, pictures } };
}
