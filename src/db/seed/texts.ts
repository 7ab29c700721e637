/** Names and sentences of the seed. */
export const squadNames = [
  "Web app team",
  "Research desk",
  "Code review",
  "Data analysis",
  "Release notes",
  "Security audit",
  "Documentation",
];

export const memberRoles = [
  { role: "project-manager", name: "Ada" },
  { role: "backend-developer", name: "Brook" },
  { role: "frontend-developer", name: "Chiara" },
  { role: "qa-engineer", name: "Devon" },
  { role: "reviewer", name: "Emre" },
];

export const taskTitles = [
  "Summarise the customer interviews of the last quarter",
  "Compare three queue libraries for the import job",
  "Write the migration guide for version 2",
  "Find out why the nightly export is slow",
  "Review the pull request that changes the pricing page",
  "Draft the release notes from the merged changes",
  "Check the accessibility of the sign-up form",
  "Propose indexes for the five slowest queries",
  "Describe the failure modes of the payment webhook",
  "Collect the open questions about data retention",
  "Plan the split of the monolith's billing module",
  "Test the restore of last week's backup",
];

export const stepTitles = [
  "Plan the work",
  "Gather the facts",
  "Work out the proposal",
  "Review the findings",
  "Write the result",
];

const sentences = [
  "The export reads the whole table once for every customer, which explains the growth since March.",
  "I compared the three candidates on the criteria of the plan; the second one fails on delayed jobs.",
  "Two of the interviews contradict each other on this point, so the report names both.",
  "The index covers the filter but not the order, and the planner therefore sorts 40,000 rows.",
  "A retry without an idempotency key would charge the card twice.",
  "The file names in the guide do not match the ones the tool writes; I corrected them.",
  "Nothing in the given material says how long the records must be kept.",
  "The form's error text is not linked to its field, so a screen reader never reads it.",
  "I read the change twice and found no case in which the discount is applied before the tax.",
  "Next I will check whether the restored database holds the rows of the last hour.",
  "The numbers of the second table add up to 98 per cent; the rest is rounding.",
  "This step depends on the list of services, which the first step has produced.",
  "Accepted: every claim has a source, and the open questions are marked as such.",
  "Please add the measurement that shows the effect, otherwise the recommendation rests on an estimate.",
  "The webhook answers before it has stored the event; a crash in between loses it.",
  "In short: split the module along the invoice, not along the customer.",
];

/**
 * Message texts of realistic lengths (most a few sentences, some a page), the same in every run. Repetition is what a
 * seed of this size costs; the lengths are what matters for pages, memory and disk.
 */
export function messageTexts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const spread = (index * 7919) % 100;
    const length = spread < 60 ? 1 + (index % 2) : spread < 92 ? 3 + (index % 5) : 9 + (index % 10);
    const parts = Array.from({ length }, (_part, part) => sentences[(index * 5 + part * 3) % sentences.length] ?? "");
    return length > 8 ? `## Findings\n\n${parts.map((text) => `- ${text}`).join("\n")}` : parts.join(" ");
  });
}
