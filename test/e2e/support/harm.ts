import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";

/** What a part of a page is made of, as far as a hostile text could have a hand in it. */
export interface Seen {
  text: string;
  /** Elements that Muster never draws from a text. */
  elements: string[];
  handlers: string[];
  /** Links in texts. */
  links: { href: string; rel: string; target: string }[];
  /** Addresses of all other links. */
  ways: string[];
  /** What a payload that ran leaves behind. */
  ran: unknown;
}

/** Looks at everything inside an element. */
export function lookAt(scope: Locator): Promise<Seen> {
  return scope.evaluate((root) => ({
    text: root.textContent ?? "",
    elements: [
      ...root.querySelectorAll(
        "script, iframe, object, embed, img, video, audio, form, style, link, meta, base, portal, dialog, template, math, marquee, svg:not(.lucide):not([aria-hidden=true]), input:not([type=checkbox]):not([type=search]), [style*=url], [style*=fixed], [ping], [formaction], [srcdoc]",
      ),
    ].map((element) => element.outerHTML.slice(0, 200)),
    handlers: [...root.querySelectorAll("*")].flatMap((element) =>
      element.getAttributeNames().filter((name: string) => name.startsWith("on")),
    ),
    links: [...root.querySelectorAll(".prose a")].map((link) => ({
      href: link.getAttribute("href") ?? "",
      rel: link.rel,
      target: link.target,
    })),
    ways: [...root.querySelectorAll("a[href]:not(.prose a)")].map((link) => link.getAttribute("href") ?? ""),
    ran: (globalThis as { muster_was_here?: unknown }).muster_was_here ?? null,
  }));
}

/** No script ran, no element came in, and links lead where they say, passing nothing on. Returns how many links texts have. */
export function assertHarmless(seen: Seen, where: string): number {
  assert.equal(seen.ran, null, `${where}: a script ran`);
  assert.deepEqual(seen.elements, [], where);
  assert.deepEqual(seen.handlers, [], where);
  for (const link of seen.links) {
    assert.match(link.href, /^(https?:\/\/|mailto:)/, where);
    assert.match(link.rel, /noopener/, where);
    assert.match(link.rel, /noreferrer/, where);
    assert.equal(link.target, "_blank", where);
  }
  for (const way of seen.ways) assert.match(way, /^\/(?!\/)/, where);
  return seen.links.length;
}

/** Each text with a mark after it that tells that it arrived, in a paragraph of its own or in the same line. */
export function marked(texts: readonly string[], between: "\n\n" | " "): string[] {
  return texts.map((text, number) => `${text}${between}arrived-${number}.`);
}

/** All `count` marks stand in the text: nothing before them was swallowed, so what was looked for was there to be found. */
export function assertArrived(text: string, count: number, where: string): void {
  const missing = Array.from({ length: count }, (_, number) => number).filter(
    (number) => !text.includes(`arrived-${number}.`),
  );
  assert.deepEqual(missing, [], `${where}: texts that never came`);
}

/** A script that ends after two drawn frames. */
export const drawn = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))";

/** Reads a virtual list from its beginning to its end, looking at all of it on the way. */
export async function readThrough(page: Page, list: Locator, where: string): Promise<{ text: string; links: number }> {
  let text = "";
  let links = 0;
  await list.evaluate((log) => log.scrollTo(0, 0));
  for (;;) {
    await page.evaluate(drawn);
    const seen = await lookAt(list);
    links = Math.max(links, assertHarmless(seen, where));
    text += seen.text;
    const moved = await list.evaluate((log) => {
      const before = log.scrollTop;
      log.scrollBy(0, log.clientHeight * 0.7);
      return log.scrollTop > before;
    });
    if (!moved) return { text, links };
  }
}
