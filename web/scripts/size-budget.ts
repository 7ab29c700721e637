import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

/** First-load JavaScript of a page may not be larger than this, Brotli-compressed. */
export const budgetKilobytes = 150;

export interface RouteSize {
  /** Path of the built document, without its ending. */
  route: string;
  scripts: number;
  /** Sum of the scripts that the document loads, each Brotli-compressed at quality 11, in KB of 1024 bytes. */
  brotliKilobytes: number;
}

/**
 * Measures every page of a built UI from its HTML: the scripts that a current browser fetches because the document names
 * them (test/e2e/first-load.test.ts compares this with what Chromium asks for). The one measure for the budget test, CI
 * and `muster bench`.
 */
export async function measureRoutes(out: string): Promise<RouteSize[]> {
  const sizes = new Map<string, number>();
  const sizeOf = async (file: string) => {
    const known = sizes.get(file);
    if (known !== undefined) return known;
    const bytes = await readFile(join(out, decodeURIComponent(file)));
    const size = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
    sizes.set(file, size);
    return size;
  };
  const pages = (await readdir(out, { recursive: true })).filter((name) => name.endsWith(".html"));
  const routes: RouteSize[] = [];
  for (const page of pages.sort()) {
    const scripts = firstLoadScripts(await readFile(join(out, page), "utf8"));
    let bytes = 0;
    for (const script of scripts) bytes += await sizeOf(script);
    routes.push({
      route: `/${page.replace(/(^|\/)index\.html$|\.html$/, "")}`,
      scripts: scripts.length,
      brotliKilobytes: bytes / 1024,
    });
  }
  return routes;
}

/** The routes that load more than the budget. */
export function overBudget(routes: readonly RouteSize[]): RouteSize[] {
  return routes.filter(({ brotliKilobytes }) => brotliKilobytes > budgetKilobytes);
}

/**
 * Addresses of what a current browser loads as script with the document, each once: scripts, module preloads and preloads
 * of scripts. Scripts for browsers without modules (`nomodule`) are fetched by none that can show these pages.
 */
export function firstLoadScripts(html: string): string[] {
  const scripts = [...html.matchAll(/<script\b[^>]*>/gi)]
    .filter(([tag]) => !/\snomodule\b/i.test(tag))
    .flatMap(([tag]) => /\ssrc="([^"?#]+)/i.exec(tag)?.[1] ?? []);
  const preloads = [...html.matchAll(/<link\b[^>]*>/gi)]
    .filter(
      ([tag]) => /\srel="modulepreload"/i.test(tag) || (/\srel="preload"/i.test(tag) && /\sas="script"/i.test(tag)),
    )
    .flatMap(([tag]) => /\shref="([^"?#]+)/i.exec(tag)?.[1] ?? []);
  return [...new Set([...scripts, ...preloads])];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv[2] ?? join(import.meta.dirname, "..", "out");
  const routes = await measureRoutes(out);
  for (const { route, scripts, brotliKilobytes } of routes) {
    const verdict = brotliKilobytes <= budgetKilobytes ? "ok  " : "OVER";
    console.log(
      `${verdict} ${brotliKilobytes.toFixed(1).padStart(6)} KB  ${String(scripts).padStart(2)} scripts  ${route}`,
    );
  }
  if (routes.length === 0) {
    console.error(`There is no built page in ${out}: run the build of the web UI first.`);
    process.exitCode = 1;
  } else if (overBudget(routes).length > 0) {
    console.error(`A page loads more than ${budgetKilobytes} KB of script (Brotli).`);
    process.exitCode = 1;
  }
}
