export type LinkTarget = { kind: "external"; href: string; host: string } | { kind: "fragment" } | { kind: "none" };

/**
 * Where a link in an agent's text may lead: absolute http, https and mailto addresses. Anything else (other schemes, and
 * paths, which would lead into Muster itself under an agent's words) is no link.
 */
export function linkTarget(href: string): LinkTarget {
  if (href.startsWith("#")) return { kind: "fragment" };
  try {
    const url = new URL(href);
    if (url.protocol === "mailto:") return { kind: "external", href: url.href, host: url.pathname };
    if (url.protocol !== "https:" && url.protocol !== "http:") return { kind: "none" };
    // "https://muster@evil.example" reads like another address than it is.
    if (url.username || url.password) return { kind: "none" };
    return { kind: "external", href: url.href, host: url.host };
  } catch {
    return { kind: "none" };
  }
}
