import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Finding } from "./claim-rules.ts";
import { compareDocument } from "./compare-document.ts";
import { findClaims } from "./find-claims.ts";
import { cutIntoSections, groupSections, readDocument } from "./read-document.ts";
import { mergeFindings, readFindings, reportFinding, writeFinding } from "./report.ts";

function titles(markdown: string): string[] {
  return findClaims(readDocument("a.md", markdown), () => true).map((finding) => finding.title);
}

function fence(code: string): string {
  return `# Title\n\n\`\`\`python\n${code}\n\`\`\`\n`;
}

/** What a rule must object to, and the same thing done well, to which it must not. */
const rules: [string, string, string][] = [
  [
    "A cached answer can reach somebody else",
    "@cache(expire=300)\nasync def get_squad(squad_id: str):\n    return await find(squad_id)",
    "@cache(expire=300)\nasync def get_squad(squad_id: str, user_id: str):\n    return await find(squad_id, user_id)",
  ],
  [
    "The cache key does not say whose data it is",
    "cache_key = hash(prompt + model)",
    "cache_key = hash(tenant_id + prompt + model)",
  ],
  [
    "These calls run one after the other",
    '# batched into a single query\na = await loader.load("1")\nb = await loader.load("2")',
    '# batched into a single query\na, b = await asyncio.gather(loader.load("1"), loader.load("2"))',
  ],
  [
    "The rate limit holds for one process only",
    "limiter = AsyncLimiter(50, 60)",
    "limiter = shared_limits.lease(account, 60)",
  ],
  ["Making this index blocks writes", "CREATE INDEX i ON t(a);", "CREATE INDEX CONCURRENTLY i ON t(a);"],
  [
    "A stream that breaks cannot be taken up again",
    'return Stream(events(), media_type="text/event-stream")',
    'after = request.headers.get("Last-Event-ID")\nreturn Stream(events(after), media_type="text/event-stream")',
  ],
  ["The queue has no bound", "self.queue: list = []", "self.queue = asyncio.Queue(maxsize=100)"],
  ["One time series for every id", "cost.labels(user_id=user.id).inc(1)", "cost.labels(model=model).inc(1)"],
];

for (const [title, bad, good] of rules) {
  test(`objects: ${title}; not where it is done well`, () => {
    assert.ok(titles(fence(bad)).includes(title));
    assert.ok(!titles(fence(good)).includes(title));
  });
}

test("what a document shows as a bad example is not objected to", () => {
  const code = "# ❌ BAD: in memory\nlimiter = AsyncLimiter(50, 60)\n\n# ✅ GOOD: shared\nlimiter = shared(50)";
  assert.deepEqual(titles(fence(code)), []);
});

test("prose: promises without exception, averages, comparisons without a measurement", () => {
  assert.deepEqual(titles("Our service never loses data. It is 10x faster.\n"), [
    "A promise without exception",
    "A comparison without a measurement",
  ]);
  assert.deepEqual(titles("The report lists three causes and names the owner of each.\n"), []);
});

test("figures of one thing that differ in two places are found, with both lines", () => {
  const document = readDocument(
    "a.md",
    "# Test\n\n- Response time p(95) < 500ms\n\n# Goal\n\n| API response time (p95) | < 200 ms |\n",
  );
  const [finding, ...others] = compareDocument(document);
  assert.deepEqual(others, []);
  assert.equal(finding?.line, 7);
  assert.match(finding?.why ?? "", /200 ms, but line 3 has 500 ms/);
  const agreeing = readDocument(
    "a.md",
    "- Response time p(95) < 200ms\n\n# Goal\n\n| API response time (p95) | < 200 ms |\n",
  );
  assert.deepEqual(compareDocument(agreeing), []);
});

test("every quote stands in its line", () => {
  const markdown = `${fence('model: str = "gpt-4",\n    @cache(expire=3)\n  limiter = AsyncLimiter(1)')}\nAlways on.\n`;
  const lines = markdown.split("\n");
  const findings = findClaims(readDocument("a.md", markdown), () => true);
  assert.ok(findings.length >= 4);
  for (const finding of findings) assert.ok(lines[finding.line - 1]?.includes(finding.quote), finding.title);
});

const word = fc.stringMatching(/^[a-zA-Z0-9`*_.:()[\] -]{0,30}$/).map((text) => `w${text.trim()}`);
const anyFinding: fc.Arbitrary<Finding> = fc.record(
  {
    severity: fc.constantFrom("high", "medium", "low"),
    title: word,
    path: fc.constantFrom("attachments/a.md", "attachments/b c.py"),
    line: fc.integer({ min: 1, max: 9_999 }),
    also: fc.array(fc.integer({ min: 1, max: 9_999 }), { maxLength: 3 }),
    under: word,
    quote: word,
    why: word,
    instead: word,
  },
  { noNullPrototype: true },
);

test("findings that are written are read back the same, whatever stands round them", () => {
  fc.assert(
    fc.property(fc.array(anyFinding, { maxLength: 5 }), (findings) => {
      const text = ["Some words.", ...findings.map(writeFinding), "And a note."].join("\n\n");
      assert.deepEqual(readFindings(text), findings);
      for (const [index, finding] of findings.entries())
        assert.ok(reportFinding(finding, index).includes(finding.instead));
    }),
  );
});

test("merging keeps each finding once, the weightiest first", () => {
  const base = { path: "a.md", also: [], under: "", quote: "q", why: "w", instead: "i" };
  const low = { ...base, severity: "low", title: "L", line: 1 } as const;
  const high = { ...base, severity: "high", title: "H", line: 9 } as const;
  assert.deepEqual(mergeFindings([low, high, { ...high }]), [high, low]);
});

test("sections cover every line once, by headings where there are some", () => {
  const lines = fc.array(fc.constantFrom("# One", "## Two", "### Three", "text", "", "- item", "```", "| a | b |"), {
    minLength: 1,
    maxLength: 120,
  });
  fc.assert(
    fc.property(fc.array(lines, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 8 }), (files, least) => {
      const documents = files.map((each, index) => readDocument(`f${index}.md`, each.join("\n")));
      const groups = groupSections(cutIntoSections(documents, least), 6);
      assert.ok(groups.length <= 6);
      for (const document of documents.filter((each) => each.passages.length > 0)) {
        const own = groups.flat().filter((section) => section.path === document.path);
        assert.equal(own[0]?.from, 1);
        assert.equal(own.at(-1)?.to, document.lineCount);
        for (const [index, section] of own.entries())
          assert.equal(section.from, index === 0 ? 1 : (own[index - 1]?.to ?? 0) + 1);
      }
    }),
  );
});
