import type { BenchGroup } from "./harness/groups.ts";
import type { BenchRow } from "./harness/row.ts";

/** What was tried for a row that may miss its target, and the decisions that tell it in full. */
export interface Tried {
  groups: readonly BenchGroup[];
  metric: RegExp;
  text: string;
  /** Files of docs/decisions, without their ending; none where only the history of the code tells it. */
  decisions: readonly string[];
}

const profiles: BenchGroup[] = [
  "Load profile, short",
  "Load profile, 1 process with the embedded database",
  "Load profile, 2 APIs and 2 workers with PostgreSQL and Redis",
];
const pages: BenchGroup[] = ["Pages", "Pages, CPU slowed 4 times"];

/** Only what is written down, with the figures of that time and its machine; the first that fits a row counts. */
export const tried: readonly Tried[] = [
  {
    groups: profiles,
    metric: /^cache hit ratio$/,
    text: "large answers are kept compressed only where room is scarce, and what workers made old is made anew: 80–82 % before, 93.3 % after, in the same profile on the same machine, played to its end; since then what was read once is renewed too, later each time nobody reads it, and after a user's own write",
    decisions: ["0074-large-answers-are-kept-compressed-only", "0082-what-was-read-once-is-renewed"],
  },
  {
    groups: profiles,
    metric: /^API p9[59]$|^database quer|^connection wait/,
    text: "one statement for each kind of change in a group commit, one row for the events of a commit, connections opened when they are missed, kept answers sent before the framework; a credential is remembered while every revocation is heard, a new task is one statement and the dashboard seven: 2.3 statements a request (16 minutes) became 1.2 with two APIs; the embedded database is reached by its socket (28 % off a trivial statement); at 200 users two APIs and two workers keep two cores 94 % busy, 43 of it PostgreSQL: shared buffers of 512 MB and three connections at first instead of eight showed nothing beyond what equal runs differ by (p95 66–154 ms, two minutes each); of invalidations between processes only those that somebody waits for are confirmed",
    decisions: [
      "0100-what-nobody-waits-for-is-not-confirmed",
      "0087-the-embedded-server-by-its-socket",
      "0083-credentials-are-remembered-while-revocations-are-heard",
      "0084-a-task-in-one-statement",
      "0038-a-group-commit-is-one-statement-a-kind",
      "0037-events-of-a-commit-are-one-row",
      "0066-connections-when-they-are-missed",
      "0034-kept-answers-before-the-framework",
    ],
  },
  {
    groups: profiles,
    metric: /^agreement: p9[59]$/,
    text: "a request is timed from when it is read to its answer's end, before anything is decided about it; how long it lay in its socket while the processes waited for a core, none of them can see",
    decisions: ["0080-every-answer-is-counted-the-apis-own-are-timed"],
  },
  {
    groups: ["API and data"],
    metric: /^revalidation \(304\)$|^cacheable read/,
    text: "a lane before the framework answers plain hits, metrics are counted without look-ups, and a 304 carries only the headers it must: a 304 went from 52 to 82 % of the floor of the same run, a hit from 56 to 85",
    decisions: ["0034-kept-answers-before-the-framework"],
  },
  {
    groups: ["API and data"],
    metric: /uncached$/,
    text: "a page and its parts are one statement, and members come as values without names with live executions counted once, which took a third off PostgreSQL's CPU; what is kept is packed with gzip, and with Brotli only when it is read again, which took a third off Node's CPU; packing at once instead of in a thread showed nothing beyond what equal runs differ by (52–60 %); what is read once is not packed at all (a loop of its own: half of Node's CPU; this row: 1,300 → 1,000 µs); rows that nobody holds no longer reach the old generation, whose collections took a tenth of Node's CPU; PostgreSQL prefers index scans (767 → 660 µs for the statement alone)",
    decisions: [
      "0055-one-statement-instead-of-a-dataloader",
      "0093-gzip-at-loading-brotli-when-read-again",
      "0101-small-answers-are-packed-at-once",
      "0112-packed-when-read-again",
      "0115-index-scans-cost-what-they-cost",
      "0117-rows-die-young",
    ],
  },
  {
    groups: ["API and data"],
    metric: /^keyset page|^the same, last page/,
    text: "a full collection every 150 pages, with steps of up to 20 ms, was this p99: rows that nobody held went to the old generation, and do no longer",
    decisions: ["0117-rows-die-young"],
  },
  {
    groups: ["Overload"],
    metric: /p95/,
    text: "a queue that stands for three seconds is cut to what ends in 100 ms, at least 256: room for 128 brought p95 from 5.1 to 0.3 s, but it and one second instead of three refused requests of the load profile, which must have none; refusals are answered 16 at a turn, so that those let in wait for no crowd (280–430 → 193–223 ms, a third more accepted)",
    decisions: ["0072-a-standing-queue-is-cut-to-100-ms", "0114-refusals-wait-for-those-let-in"],
  },
  {
    groups: ["Executions"],
    metric: /^executions\/s|^CPU per execution|^one execution alone|^concurrency 128/,
    text: "one statement for each kind of change in a group commit (PostgreSQL 6.6–7.9 → 5.3–6.1 ms an execution on a busy machine), one row for the events of a commit (in place of 35 rows an execution), eight connections instead of twenty at first (104 → 112 executions/s); members who begin side by side begin in one commit and a claim brings its execution (5.9 → 4 batches and a statement fewer: PostgreSQL 4.3 → 3.8 ms, one alone 15 → 13 ms, in turn); on a slow machine look at the share of the floor of the same run",
    decisions: [
      "0119-what-begins-together-is-one-batch",
      "0038-a-group-commit-is-one-statement-a-kind",
      "0037-events-of-a-commit-are-one-row",
      "0066-connections-when-they-are-missed",
    ],
  },
  {
    groups: ["Executions"],
    metric: /^database growth/,
    text: "events of a commit in one row (24.8 → 15.8 KB with fewer writes of steps and executions), ascending indexes, then fill factors, two indexes and what stood twice (15.6 → about 14.2 KB)",
    decisions: ["0037-events-of-a-commit-are-one-row", "0049-ascending-indexes", "0086-bytes-of-an-execution"],
  },
  {
    groups: ["Executions"],
    metric: /^peak memory$/,
    text: "a small young generation (Node under load 361 → 221 MB) and connections opened when they are missed (396 → 301 MB at the peak with 8 in place of 20), and after 250 ms instead of 50 (nothing: 371 and 382 MB against 396 and 382, of which Node has about 260); an old generation that grows by 60 % between collections (416 and 425 → 343 and 363 MB in turn, nothing more of CPU; 30 % saves 25 MB more and costs a fifth of the CPU); a semi-space of 8 MB would save 25 MB more and was not taken; runs and batches that are over, emptied at once, saved nothing",
    decisions: [
      "0039-a-small-young-generation",
      "0066-connections-when-they-are-missed",
      "0113-the-old-generation-grows-by-60-percent",
    ],
  },
  {
    groups: ["Executions"],
    metric: /^event written/,
    text: "a crowd is served a burst at a time, its frames joined once for all readers (p99 72 ms with 1,000 watchers before); the events of a commit are one row; with 1,000 watchers the first burst after the opening takes up to 122 ms and the last, with all streams to end, 68, those between stay below 47",
    decisions: ["0037-events-of-a-commit-are-one-row"],
  },
  {
    groups: ["LLM gateway"],
    metric: /^calls\/s|^added |^32 at once|^streams\/s|^cache hit|^replay/,
    text: "Node runs without allocation-site pretenuring: young collections of 8–19 ms became 3 ms, and p99 of the first token at 32 streams went from 16–26 to 5–9 ms; a call that is over leaves nothing in the old generation, and frames of a kept answer are numbers (6.3 → 2.5 KB a stream reach it, 11 → 6 full collections with steps of 16 ms, 188 → 161 µs)",
    decisions: ["0048-no-pretenuring", "0039-a-small-young-generation", "0120-a-flight-leaves-nothing-behind"],
  },
  {
    groups: ["Start and weight", "Executions"],
    metric: /^(ready, (warm|first run)|kill -9 in a call, restart.*)$/,
    text: "compiled code is kept between starts, also for threads and API processes; an ORM that nothing called is gone (Node parsed its package.json of 179 KB for each import: reading the code 1.55 → 0.73 s); worker and API start side by side; starting PostgreSQL while the code is still read would save some 0.2 s more and was not done",
    decisions: ["0078-compiled-code-is-kept", "0096-without-an-orm"],
  },
  {
    groups: ["Start and weight"],
    metric: /^idle CPU$/,
    text: "the event loop's lag is sampled every 50 ms instead of 10: 90 → 29 wake-ups a second, 12.0 → 7.3 ms CPU a second; the rest was left: overload is noticed by a sample every 100 ms, leases and sweeps are promises of the execution engine",
    decisions: ["0079-the-event-loops-lag-is-sampled-every-50-ms"],
  },
  {
    groups: ["Start and weight"],
    metric: /^idle memory$/,
    text: "a small young generation: 330 → 207 MB in all processes",
    decisions: ["0039-a-small-young-generation"],
  },
  {
    groups: pages,
    metric: /./,
    text: "the server draws the first view into the document (LCP was 1.1–1.9 s), scripts carry compile hints (the long task 500–800 → 55–150 ms on a phone's CPU), and what held a page while it came alive was taken out cause by cause; hydrating the server's drawing in place was not done",
    decisions: [
      "0075-the-server-draws-the-first-view",
      "0076-scripts-carry-compile-hints",
      "0077-what-held-a-page-while-it-came-alive",
    ],
  },
  {
    groups: ["Message viewer, 10,000 messages, 50 new a second"],
    metric: /./,
    text: "Markdown from its tokens, events gathered as drawing allows, avatars without drawings, code drawn once, and spinners and hovers at rest while somebody scrolls (following 90 → 95 %, slowed 64 → 95, scrolling slowed 35 → 61–69), later no `flushSync` while somebody scrolls by hand (60 → 67 in turn with the code before); will-change, opaque backgrounds, contain on rows and a spinner in steps changed nothing; drawing new messages deferred was taken back (a scroll up that began meanwhile was undone), as were rows drawn never within the scroll event (70 %, but an empty list for a frame while following)",
    decisions: [
      "0092-what-draws-a-live-page-on-a-slow-machine",
      "0091-markdown-without-a-second-tree",
      "0095-rows-are-measured-by-the-frame-that-paints-them",
    ],
  },
  {
    groups: ["Lighthouse, mobile, applied throttling"],
    metric: /./,
    text: "six causes of blocking were named by traces and taken out: 56–87 before, 85–100 after, by page and run; then the viewer's rows were read at the start of the frame that paints them (the execution 91 → 95–98)",
    decisions: [
      "0077-what-held-a-page-while-it-came-alive",
      "0076-scripts-carry-compile-hints",
      "0095-rows-are-measured-by-the-frame-that-paints-them",
    ],
  },
];

/** One line for each thing that was tried for the rows that miss, with the rows it stands for. */
export function triedLines(rows: readonly Pick<BenchRow, "group" | "metric" | "verdict">[]): string[] {
  const missed = rows.filter((row) => row.verdict === "missed");
  const fits = (one: Tried, row: (typeof missed)[number]) =>
    one.groups.some((group) => group === row.group) && one.metric.test(row.metric);
  const lines = tried.flatMap((one, place) => {
    const its = missed.filter((row) => tried.findIndex((each) => fits(each, row)) === place);
    if (its.length === 0) return [];
    const links = one.decisions.map((name) => `[${name.slice(0, 4)}](decisions/${name}.md)`).join(", ");
    return `- Tried for ${its.map((row) => row.metric).join("; ")}: ${one.text}${links === "" ? "" : ` (${links})`}.`;
  });
  const unknown = missed.filter((row) => !tried.some((one) => fits(one, row)));
  if (unknown.length > 0)
    lines.push(`- No attempt is written down for ${unknown.map((row) => row.metric).join("; ")}.`);
  return lines;
}
