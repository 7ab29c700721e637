import axe, { type Result } from "axe-core";
import type { Page } from "playwright-core";

const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The rules of those tags that look at colours: all that a page in another theme can break. */
const colourRules = ["color-contrast", "link-in-text-block"];

/**
 * What axe finds on the page as it stands, one line each, beginning with `where`; none when it is clean. `colours` looks
 * only at those, for a page that was looked at whole in the other theme.
 */
export async function axeFindings(page: Page, where: string, only?: "colours"): Promise<string[]> {
  // In the page itself (none of ours has frames), read once for each document, and not told of all that is well: that
  // takes a third of the time that it takes through axe's own way into Playwright.
  if (!(await page.evaluate<boolean>("'axe' in globalThis"))) await page.evaluate(axe.source);
  const runOnly = only === "colours" ? { type: "rule", values: colourRules } : { type: "tag", values: tags };
  const options = JSON.stringify({ runOnly, resultTypes: ["violations"] });
  const violations = await page.evaluate<Result[]>(
    `axe.run(document, ${options}).then(({ violations }) => violations)`,
  );
  return violations.map(({ id, nodes }) => {
    const [first] = nodes;
    return `${where} ${id}: ${first?.html.slice(0, 200)} (${first?.failureSummary?.split("\n")[1]?.trim()})`;
  });
}
