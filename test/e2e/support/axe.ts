import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";

const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The rules of those tags that look at colours: all that a page in another theme can break. */
const colourRules = ["color-contrast", "link-in-text-block"];

/**
 * What axe finds on the page as it stands, one line each, beginning with `where`; none when it is clean. `colours` looks
 * only at those, for a page that was looked at whole in the other theme.
 */
export async function axeFindings(page: Page, where: string, only?: "colours"): Promise<string[]> {
  // In the page itself: no page of ours has frames, and the other way opens a page more for every look.
  const axe = new AxeBuilder({ page }).setLegacyMode(true);
  const { violations } = await (only === "colours" ? axe.withRules(colourRules) : axe.withTags(tags)).analyze();
  return violations.map(({ id, nodes }) => {
    const [first] = nodes;
    return `${where} ${id}: ${first?.html.slice(0, 200)} (${first?.failureSummary?.split("\n")[1]?.trim()})`;
  });
}
