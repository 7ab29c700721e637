import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { slimDocument } from "../../scripts/slim-pages.js";

const out = join(import.meta.dirname, "../out");

test("a built page carries its stylesheet once", {
  skip: existsSync(join(out, "index.html")) ? false : "the UI is not built",
}, async () => {
  const pages = (await readdir(out, { recursive: true })).filter((name) => name.endsWith(".html"));
  for (const page of pages) {
    const html = await readFile(join(out, page), "utf8");
    const style = /<style\b[^>]*\bdata-href="[^"]+"[^>]*>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? "";
    assert.ok(style.length > 10_000, `${page} has no inlined stylesheet`);
    // A piece from its middle that needs no escape inside a string.
    const piece = /[\w:;.,(){}#-]{60}/.exec(style.slice(style.length / 2))?.[0] ?? "";
    assert.ok(piece.length === 60);
    const times = html.split(piece).length - 1;
    assert.equal(times, style.split(piece).length - 1, `${page} repeats its styles`);
  }
});

test("a copy that begins in one script and ends in the next goes too", () => {
  const style = ".a{color:red}";
  const script = (text: string) => `<script>self.__next_f.push(${JSON.stringify([1, text])})</script>`;
  const page = (parts: string[]) => `<style data-href="/a.css">${style}</style>${parts.map(script).join("<i></i>")}`;
  const row = `T${style.length.toString(16)},${style}`;
  assert.equal(
    slimDocument(page([`0:x\n1:${row.slice(0, 8)}`, `${row.slice(8)}2:${row}`, "3:y\n"])),
    page(["0:x\n1:T1, ", "2:T1, ", "3:y\n"]),
  );
});
