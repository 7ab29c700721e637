import MarkdownIt, { type Token } from "markdown-it";
import { type ComponentType, createElement, Fragment, type ReactNode } from "react";

/** What becomes of the parts of a text that are more than an element of their own. */
export interface MarkdownParts {
  CodeBlock: ComponentType<{ code: string; language: string | null }>;
  Link: ComponentType<{ href: string; children?: ReactNode }>;
  /** Stands where an image was meant: nothing is fetched. */
  Image: ComponentType<{ alt: string; src: string }>;
  Table: ComponentType<{ children?: ReactNode }>;
}

/**
 * CommonMark with tables, strikethrough and bare links. HTML is text, as are links to `javascript:` and its like. It takes
 * time in proportion to the text, whatever that is: agents may be made to write anything.
 */
const parser = new MarkdownIt({ html: false, linkify: true });
// "keeping-data.md" is a file, not a host in Moldova.
parser.linkify.set({ fuzzyLink: false });

/** The text as React elements. Headings begin one level lower: the page has its own above them. */
export function renderMarkdown(text: string, parts: MarkdownParts): ReactNode {
  return renderTokens(parser.parse(text, {}), parts);
}

interface Open {
  token: Token;
  children: ReactNode[];
}

function renderTokens(tokens: readonly Token[], parts: MarkdownParts): ReactNode {
  const root: ReactNode[] = [];
  const open: Open[] = [];
  const put = (node: ReactNode) => (open.at(-1)?.children ?? root).push(node);
  tokens.forEach((token, index) => {
    if (token.nesting === 1) open.push({ token, children: [] });
    else if (token.nesting === -1) {
      const closed = open.pop();
      if (closed) put(element(closed, parts));
    } else if (token.type === "inline") put(renderInline(token, isTaskPlace(tokens, index), parts));
    else put(leaf(token, parts));
  });
  return createElement(Fragment, null, ...root);
}

const attributeOf = (token: Token, name: string) => String(token.attrGet(name) ?? "");

const alignments: Record<string, string> = {
  "text-align:center": "text-center",
  "text-align:right": "text-right",
};

function element({ token, children }: Open, parts: MarkdownParts): ReactNode {
  switch (token.type) {
    // The paragraphs of a tight list are none.
    case "paragraph_open":
      return createElement(token.hidden ? Fragment : "p", null, ...children);
    case "heading_open":
      return createElement(`h${Math.min(6, Number(token.tag.slice(1)) + 1)}`, null, ...children);
    case "ordered_list_open":
      return createElement("ol", { start: Number(token.attrGet("start") ?? 1) }, ...children);
    case "th_open":
    case "td_open": {
      const className = alignments[attributeOf(token, "style")];
      return createElement(token.tag, className ? { className } : null, ...children);
    }
    case "table_open":
      return createElement(parts.Table, null, createElement("table", null, ...children));
    case "link_open":
      return createElement(parts.Link, { href: attributeOf(token, "href") }, ...children);
    case "s_open":
      return createElement("del", null, ...children);
    default:
      return createElement(token.tag, null, ...children);
  }
}

function leaf(token: Token, parts: MarkdownParts): ReactNode {
  switch (token.type) {
    case "text":
      return token.content;
    case "code_inline":
      return createElement("code", null, token.content);
    case "softbreak":
      return "\n";
    case "hardbreak":
      return createElement("br");
    case "hr":
      return createElement("hr");
    case "fence":
    case "code_block": {
      const language = /^[\w+#-]+/.exec(token.info)?.[0] ?? null;
      return createElement(parts.CodeBlock, { code: token.content.replace(/\n$/, ""), language });
    }
    case "image":
      return createElement(parts.Image, {
        alt: (token.children ?? []).map(({ content }) => content).join(""),
        src: attributeOf(token, "src"),
      });
    default:
      return token.content;
  }
}

/** Where GitHub takes "[ ]" for a box: at the beginning of a list item. */
function isTaskPlace(tokens: readonly Token[], index: number): boolean {
  return tokens[index - 1]?.type === "paragraph_open" && tokens[index - 2]?.type === "list_item_open";
}

function renderInline(token: Token, taskPlace: boolean, parts: MarkdownParts): ReactNode {
  const children = token.children ?? [];
  const first = children[0];
  const box = taskPlace && first?.type === "text" ? /^\[([ xX])\]\s/.exec(first.content) : null;
  if (!first || !box) return renderTokens(children, parts);
  const checked = box[1] !== " ";
  const label = checked ? "Done" : "Open";
  return createElement(
    Fragment,
    null,
    createElement("input", { type: "checkbox", checked, readOnly: true, disabled: true, "aria-label": label }),
    first.content.slice(3),
    renderTokens(children.slice(1), parts),
  );
}
