import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds on the page as it stands, one line each, beginning with `where`; none when it is clean. */
export async function axeFindings(page: Page, where: string): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(rules).analyze();
  return violations.map(({ id, nodes }) => {
    const [first] = nodes;
    return `${where} ${id}: ${first?.html.slice(0, 200)} (${first?.failureSummary?.split("\n")[1]?.trim()})`;
  });
}
