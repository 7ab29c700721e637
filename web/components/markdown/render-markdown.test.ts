import assert from "node:assert/strict";
import { test } from "node:test";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { type MarkdownParts, renderMarkdown } from "./render-markdown.ts";

const parts: MarkdownParts = {
  CodeBlock: ({ code, language }) => createElement("pre", { title: language ?? "none" }, code),
  Link: ({ href, children }) => createElement("a", { href }, children),
  Image: ({ alt, src }) => createElement("i", { title: src }, alt),
  Table: ({ children }) => createElement("section", null, children),
};
const html = (text: string) =>
  renderToStaticMarkup(createElement("div", null, renderMarkdown(text, parts))).slice(5, -6);

test("what agents write: headings a level lower, lists, code, tables, links, images as words", () => {
  const shown: [string, string][] = [
    ["# One\n\n###### Six", "<h2>One</h2><h6>Six</h6>"],
    [
      "a *b* **c** ~~d~~ `e<f>`  \ng\nh",
      "<p>a <em>b</em> <strong>c</strong> <del>d</del> <code>e&lt;f&gt;</code><br/>g\nh</p>",
    ],
    ["- a\n  1. b\n- c", '<ul><li>a<ol start="1"><li>b</li></ol></li><li>c</li></ul>'],
    ["3. a\n\n4. b", '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>'],
    ["> a\n\n---", "<blockquote><p>a</p></blockquote><hr/>"],
    [
      "```ts title\nconst a = 1;\n```\n\n    as it is",
      '<pre title="ts">const a = 1;</pre><pre title="none">as it is</pre>',
    ],
    [
      "| a | b |\n|---|--:|\n| 1 \\| 2 | **3** |",
      '<section><table><thead><tr><th>a</th><th class="text-right">b</th></tr></thead><tbody><tr><td>1 | 2</td><td class="text-right"><strong>3</strong></td></tr></tbody></table></section>',
    ],
    ["[a *b*](https://a.example/?x=1&amp;y=2)", '<p><a href="https://a.example/?x=1&amp;y=2">a <em>b</em></a></p>'],
    [
      "see https://a.example/b, or keeping-data.md",
      '<p>see <a href="https://a.example/b">https://a.example/b</a>, or keeping-data.md</p>',
    ],
    ["![what *it* shows](https://a.example/x.png)", '<p><i title="https://a.example/x.png">what it shows</i></p>'],
    ["&lt;b&gt; &amp; &copy; &#955;", "<p>&lt;b&gt; &amp; © λ</p>"],
  ];
  for (const [text, expected] of shown) assert.equal(html(text), expected, text);
});

test("a box at the beginning of a list item is one, elsewhere it is text", () => {
  const box = (label: string, checked: string) =>
    `<input type="checkbox" readOnly="" disabled="" aria-label="${label}"${checked}/>`;
  assert.equal(
    html("- [x] tried **it**\n- [ ] write\n- a [x] b"),
    `<ul><li>${box("Done", ' checked=""')} tried <strong>it</strong></li><li>${box("Open", "")} write</li><li>a [x] b</li></ul>`,
  );
  assert.equal(html("[x] alone"), "<p>[x] alone</p>");
});

test("HTML is text, and a link to a script is none", () => {
  assert.equal(html('<img src=x onerror="a()">'), "<p>&lt;img src=x onerror=&quot;a()&quot;&gt;</p>");
  assert.equal(html("<script>\na()\n</script>"), "<p>&lt;script&gt;\na()\n&lt;/script&gt;</p>");
  assert.equal(html("[x](javascript&#58;a())"), "<p>[x](javascript:a())</p>");
});

test("whatever is written, it is drawn in time: what takes a parser minutes or breaks its stack", () => {
  const many = 40_000;
  const hostile = {
    quotes: "> ".repeat(many),
    lists: "- ".repeat(many),
    brackets: "[".repeat(many),
    underscores: "_a".repeat(many),
    stars: "**x *a ".repeat(many),
    "a long word and an at": `${"a".repeat(10 * many)}@`,
    links: "[a](".repeat(many),
    images: "![](".repeat(many),
    tags: "<a".repeat(many),
    ticks: Array.from({ length: 600 }, (_, count) => `e${"`".repeat(count)}`).join(""),
    addresses: "https://a".repeat(many),
  };
  for (const [name, text] of Object.entries(hostile)) {
    const visible = html(text).replace(/<[^>]*>/g, "");
    assert.ok(name === "quotes" || name === "lists" || visible.length >= text.length / 4, `${name}: its text is shown`);
  }
});
