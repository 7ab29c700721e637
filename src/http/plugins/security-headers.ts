/** Of every JSON answer and stream: nothing in it may run, be framed or be taken for another type. */
export const apiHeaders: Readonly<Record<string, string>> = Object.freeze({
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
});

/** Of downloads: what agents made is untrusted, so it opens without scripts and without our origin. */
export const downloadHeaders: Readonly<Record<string, string>> = Object.freeze({
  "cache-control": "private, no-cache",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
});

/** Of the pages of the UI. `scriptHashes` are those of the inline scripts of the page (CSP level 3, `'sha256-…'`). */
export function pageHeaders(scriptHashes: readonly string[]): Record<string, string> {
  return {
    "content-security-policy": [
      "default-src 'self'",
      ["script-src 'self'", ...scriptHashes].join(" "),
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      "connect-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ].join("; "),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
}
