import { fontsKey } from "./boot-script.ts";

/** As `app/fonts.ts` names them: those that every page uses. */
const families = ["inter", "code"];

/**
 * Brings the fonts into the browser's cache, once: the next document has them in time for its first paint, over a far
 * line too (`boot-script.ts`). Call it when the page has what it needs. It never fails: without them the next visit is
 * as this one.
 */
export async function keepFonts(): Promise<void> {
  try {
    if (localStorage.getItem(fontsKey) !== null) return;
    const urls = fontUrls();
    const answers = await Promise.all(urls.map((url) => fetch(url, { priority: "low" })));
    if (urls.length > 0 && answers.every((answer) => answer.ok)) localStorage.setItem(fontsKey, "kept");
  } catch {
    // No storage, or no line: asked for again at the next visit.
  }
}

function fontUrls(): string[] {
  return [...document.styleSheets]
    .flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSFontFaceRule)
    .filter((rule) => families.includes(rule.style.getPropertyValue("font-family").replaceAll('"', "")))
    .flatMap((rule) => /url\("?([^")]+)/.exec(rule.style.getPropertyValue("src"))?.[1] ?? []);
}
