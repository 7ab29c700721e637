import type { Page } from "playwright-core";

/** What a finger must be able to hit: at least this high. */
export const fingerPx = 40;

/**
 * What can be pressed on the page and is lower than a finger needs, one line each, beginning with `where`. Links in running
 * text are as high as their line (WCAG 2.5.8 leaves them out as well); a box is hit by the whole label around it; and what
 * only the keyboard finds is for nobody's finger.
 */
export async function lowTargets(page: Page, where: string): Promise<string[]> {
  const found = await page.evaluate<string[]>(`(() => {
    const pressed = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=tab], [role=menuitem], [role=option]";
    const target = (element) => (element.matches("[type=checkbox], [type=radio], [type=file]") && element.labels?.[0]) || element;
    const found = new Map();
    for (const element of [...document.querySelectorAll(pressed)].map(target)) {
      const { width, height } = element.getBoundingClientRect();
      if (width <= 1 || height <= 1 || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      if (element.closest("[inert], [aria-hidden=true]") || getComputedStyle(element).clipPath !== "none") continue;
      if (element.matches("a") && getComputedStyle(element).display === "inline") continue;
      if (height >= ${fingerPx} - 0.5) continue;
      const name = (element.getAttribute("aria-label") || element.innerText || element.id || "").trim().replace(/\\s+/g, " ").slice(0, 40);
      const line = Math.round(height) + " px: " + element.localName + " “" + name + "”";
      found.set(element.localName + element.className, line);
    }
    return [...found.values()];
  })()`);
  return found.map((line) => `${where} ${line}`);
}
