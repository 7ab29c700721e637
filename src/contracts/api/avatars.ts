import { type Static, Type } from "typebox";
import { avatarFormats, avatarSizes } from "../closed-sets.ts";
import { sizeLimits } from "../limits.ts";
import { object } from "./common.ts";

/** A picture as it was uploaded: PNG, JPEG, WebP, GIF or AVIF, told by its content. */
export const AvatarBody = object({
  imageBase64: Type.String({
    maxLength: Math.ceil(sizeLimits.avatarBytes / 3) * 4,
    description: "The picture's bytes in base64 (RFC 4648, section 4), at most 5 MB: PNG, JPEG, WebP, GIF or AVIF",
  }),
});
export type AvatarBody = Static<typeof AvatarBody>;

/** `avatarHash` is what stands before the dot of an `avatarKey`. */
export const AvatarParams = object({
  avatarHash: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }),
  variant: Type.Enum(
    avatarSizes.flatMap((size) => avatarFormats.map((format) => `${size}.${format}` as const)),
    { description: "Pixels and format, for example 80.avif" },
  ),
});
export type AvatarParams = Static<typeof AvatarParams>;
