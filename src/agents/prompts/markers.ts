/*
 * Prompts mark their parts with tags of their own (`<muster-task>`, `<muster-input …>`), so that models tell material from
 * instructions and the offline model finds its part. Material that contains such a tag is defused, so it cannot close its block.
 */

/** Makes material harmless as the content of a marked block. */
export function defuse(material: string): string {
  return material.includes("muster-") ? material.replaceAll(/<(\/?)muster-/gi, "<\\$1muster-") : material;
}

function attribute(value: string | number): string {
  return String(value)
    .replaceAll(/[\r\n\t]+/g, " ")
    .replaceAll('"', "'")
    .replaceAll("<", "‹")
    .replaceAll(">", "›");
}

/** One marked block; `content` is material and is defused here. */
export function block(tag: string, attributes: Record<string, string | number>, content: string): string {
  const head = Object.entries(attributes).map(([name, value]) => ` ${name}="${attribute(value)}"`);
  return `<muster-${tag}${head.join("")}>\n${defuse(content)}\n</muster-${tag}>`;
}
