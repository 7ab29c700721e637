// Takes the copies of the stylesheet out of the built pages. Next.js writes an inlined stylesheet three times into a
// document: as the <style> that the browser uses, and twice as text of the React payload, where nothing reads it: React
// adopts the <style> that stands in the document already, by its address (data-href). The copies were two thirds of a page.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const inlineStyle = /<style\b[^>]*\bdata-href="[^"]+"[^>]*>([\s\S]*?)<\/style>/;
const payload = /<script>self\.__next_f\.push\((\[1,"(?:[^"\\]|\\.)*"\])\)<\/script>/g;

/**
 * A payload, in the parts in which it is sent, without the text rows that say what `style` says; a row's length is written
 * in bytes, in hexadecimal. A row may begin in one part and end in the next.
 */
export function slimPayload(parts, style) {
  const row = `T${Buffer.byteLength(style).toString(16)},${style}`;
  const all = parts.join("");
  const starts = [];
  for (let at = all.indexOf(row); at >= 0; at = all.indexOf(row, at + row.length)) starts.push(at);
  let to = 0;
  return parts.map((part) => {
    const from = to;
    to += part.length;
    let kept = "";
    let at = from;
    for (const start of starts) {
      if (start >= to || start + row.length <= from) continue;
      if (start >= from) kept += `${all.slice(at, start)}T1, `;
      at = Math.min(start + row.length, to);
    }
    return kept + all.slice(at, to);
  });
}

/** A document whose payload does not repeat its inlined stylesheet. */
export function slimDocument(html) {
  const style = inlineStyle.exec(html)?.[1];
  if (!style) return html;
  const parts = [...html.matchAll(payload)].map(([, row]) => JSON.parse(row)[1]);
  const slim = slimPayload(parts, style);
  let place = -1;
  return html.replace(payload, (script) => {
    place += 1;
    // "<" is escaped as Next.js does it: no text inside can end the script.
    return slim[place] === parts[place]
      ? script
      : `<script>self.__next_f.push(${JSON.stringify([1, slim[place]]).replaceAll("<", "\\u003c")})</script>`;
  });
}

/** Slims all pages of a built UI; a stylesheet that not every page has stays in the payloads, for whoever navigates to it. */
export function slimPages(folder) {
  const names = readdirSync(folder, { recursive: true }).map(String);
  const read = (name) => readFileSync(join(folder, name), "utf8");
  const pages = names.filter((name) => name.endsWith(".html"));
  const styles = new Set(pages.map((name) => inlineStyle.exec(read(name))?.[1]));
  const [style] = styles;
  if (styles.size !== 1 || style === undefined) return { files: 0, bytes: 0 };
  let files = 0;
  let bytes = 0;
  for (const name of names) {
    if (!/\.(html|txt)$/.test(name)) continue;
    const text = read(name);
    const slim = name.endsWith(".html") ? slimDocument(text) : slimPayload([text], style)[0];
    if (slim === text) continue;
    files += 1;
    bytes += text.length - slim.length;
    writeFileSync(join(folder, name), slim);
  }
  return { files, bytes };
}
