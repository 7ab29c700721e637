import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** What the UI's build makes beside its pages (`web/first-view/render.tsx`). Read here, never served. */
export const firstViewFile = "first-view.cjs";

interface FirstViewBundle {
  prepare(): Promise<void>;
  render(path: string, given: Record<string, unknown>): string | null;
}

/** Draws the content of the page at a path from the answers it shows; null where there is nothing to draw. May throw. */
export type DrawFirstView = (path: string, given: Record<string, unknown>) => string | null;

const place = /(<div data-first-view=""[^>]*>)[\s\S]*?(<\/div><template data-first-view-end="">)/;

/**
 * What draws, loaded when the first page is asked for: a process that serves no page never holds it. Null for a UI
 * without it, whose pages show their waiting shapes until the scripts are there.
 */
export function openFirstView(root: string): () => Promise<DrawFirstView | null> {
  const file = join(root, firstViewFile);
  let opening: Promise<DrawFirstView | null> | undefined;
  return () => {
    opening ??= existsSync(file) ? load(file) : Promise.resolve(null);
    return opening;
  };
}

async function load(file: string): Promise<DrawFirstView> {
  const { default: bundle } = (await import(pathToFileURL(file).href)) as { default: FirstViewBundle };
  await bundle.prepare();
  return bundle.render;
}

/** The document with the drawn content in its place; as it is where it has none. */
export function insertFirstView(html: string, content: string): string {
  return html.replace(place, (_, open: string, close: string) => open + content + close);
}
