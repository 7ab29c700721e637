import type { ExecutionFile } from "#contracts";

const previewBytes = { text: 512_000, picture: 5_242_880 };

// Pictures made of points. SVG is a document that can hold scripts and links: it is only downloaded.
const pictureTypes = /^image\/(png|jpeg|webp|gif)$/;
const textTypes = /^text\/|json|xml|yaml|javascript|typescript|csv|markdown/;
const textEndings = /\.(md|txt|ts|js|py|csv|log|ya?ml|toml|diff|patch|sql|sh)$/;

/** Whether it is a picture that may be shown in the page. */
export function isPicture(file: Pick<ExecutionFile, "mediaType">): boolean {
  return pictureTypes.test(file.mediaType);
}

/** How a file is shown: as what it is, or why not. */
export function previewOf(file: ExecutionFile): "text" | "picture" | "too_large" | "none" {
  const kind = isPicture(file)
    ? "picture"
    : textTypes.test(file.mediaType) || textEndings.test(file.path)
      ? "text"
      : null;
  if (!kind) return "none";
  return file.bytes <= previewBytes[kind] ? kind : "too_large";
}
