/*
 * Stands in the browser for the package `entities`, of which the Markdown parser needs one function: unpacking its table of
 * all names took 25 ms at loading (100 on a phone), whether a text has one or not. The browser has that table itself.
 */

let place: HTMLTextAreaElement | undefined;

/** One named character reference with its semicolon, as `&copy;`, decoded (HTML, section 13.5); else the text as it is. */
export function decodeHTMLStrict(reference: string): string {
  if (!/^&[a-z][a-z0-9]*;$/i.test(reference)) return reference;
  place ??= document.createElement("textarea");
  // In it nothing is an element, and what was matched above holds no tag.
  place.innerHTML = reference;
  const decoded = place.value;
  // Without the whole name a browser takes the beginning of it that was a name once: "&notit;" is no "¬it;".
  return decoded.endsWith(";") && reference !== "&semi;" ? reference : decoded;
}
