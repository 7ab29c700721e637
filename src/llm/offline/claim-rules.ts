import type { Passage } from "./read-document.ts";

export type Severity = "high" | "medium" | "low";

/** One thing a rule has to say about a passage. */
export interface Finding {
  severity: Severity;
  title: string;
  path: string;
  line: number;
  /** Further lines of the same kind. */
  also: number[];
  /** The headings above the passage. */
  under: string;
  /** The line of the document, as it stands. */
  quote: string;
  why: string;
  instead: string;
}

/** A rule that looks for one pattern. Patterns are tested line by line, so their cost grows with the text alone. */
export interface PatternRule {
  severity: Severity;
  title: string;
  kinds: readonly Passage["kind"][];
  /** The line that is quoted. */
  match: RegExp;
  /** Must stand somewhere in the passage too. */
  context?: RegExp;
  /** Says that the matter is taken care of, when it stands in the same paragraph of the passage. */
  unless?: RegExp;
  why: string;
  instead: string;
}

const code = ["code"] as const;
const prose = ["paragraph", "item"] as const;
const any = ["code", "table", "item", "paragraph"] as const;

/** What often fails in production although it looks right on the page: caches, limits, batches, streams, data, figures. */
export const patternRules: readonly PatternRule[] = [
  {
    severity: "high",
    title: "A cached answer can reach somebody else",
    kinds: code,
    match: /@(?:\w+\.)?cached?\s*\(/,
    unless: /user|tenant|account|owner|caller|principal|vary/i,
    why: "The cache key comes from the arguments, and none of them says who asks. The first caller's answer is given to every later caller until it expires, whatever each of them may see.",
    instead:
      "Put the caller (user or tenant) into the key or check the right to read before the cache is asked, keep private answers out of shared caches, and test it with two users.",
  },
  {
    severity: "high",
    title: "The cache key does not say whose data it is",
    kinds: code,
    match: /\bcache_?(?:key|data)\b\s*[:=]/i,
    unless: /user|tenant|account|owner|org(?:anization)?_?id/i,
    why: "Two customers who send the same input share one entry. What one of them paid for or may see is served to the other, and timing shows who asked what.",
    instead:
      "Make the key from tenant, provider, model and every parameter, with a keyed hash (HMAC) and a version of the format, and test that two tenants never share an entry.",
  },
  {
    severity: "medium",
    title: "All callers miss at once when a cache entry ends",
    kinds: code,
    match: /\b(?:redis|cache|memcache\w*)\.get\(/i,
    context: /setex|\.set\(|\.put\(/i,
    unless: /lock|single.?flight|mutex|setnx|coalesc/i,
    why: "Between the miss and the write every other request misses too: a popular entry that expires under load sends all of them to the slow or paid source together.",
    instead:
      "Let equal requests in flight share one call (single-flight, with a lock or lease across processes), and spread expiry times.",
  },
  {
    severity: "medium",
    title: "Whatever the model said is cached",
    kinds: code,
    match: /\b(?:setex|cache\.set|redis\.set)\(/i,
    context: /\b(?:llm|prompt|completion|generate)\b/i,
    unless: /temperature|finish_?reason|status/i,
    why: "A cut, refused or failed answer is kept like a good one, and an answer sampled above temperature 0 is one of many: caching it for everyone changes what the feature does.",
    instead: "Store complete answers only, at temperature 0 unless the caller asks for it, and show hits as hits.",
  },
  {
    severity: "medium",
    title: "Cached data stays wrong after a write",
    kinds: code,
    match: /@(?:\w+\.)?cached?\s*\([^)]*expire\s*=\s*\d+/,
    unless: /invalidat|\.delete\(|\btags?\b/i,
    why: "Time is the only thing that ends the entry, so for that long users read what they have just changed, or what they may no longer see.",
    instead: "Drop or tag the entry in the transaction that writes, and keep the expiry as a second line of defence.",
  },
  {
    severity: "high",
    title: "The rate limit holds for one process only",
    kinds: code,
    match: /=\s*(?:\w+\.)?(?:AsyncLimiter|RateLimiter|Limiter|TokenBucket|Bottleneck|pLimit)\(/,
    why: "The counter lives in this process's memory. With N workers or pods the provider sees N times the limit, and after a restart the count begins anew. A bucket also lets a full burst pass on top of its steady rate.",
    instead:
      "Keep the limit where all processes see it (shared store, leased in small blocks), limit tokens as well as requests, and follow the provider's rate headers and Retry-After.",
  },
  {
    severity: "high",
    title: "Every request waits for a batch, also when it is alone",
    kinds: code,
    match: /\bsleep\([^)]*wait/i,
    why: "The whole window is added to each call before anything is sent; for interactive use that alone can be a quarter of the time a user accepts. Chat interfaces of LLM providers do not take several conversations in one request, so nothing is won.",
    instead:
      "Never hold back interactive calls. Batch where the provider takes several inputs (embeddings) or sells a batch service, send when the batch is full or the first item has waited long enough.",
  },
  {
    severity: "medium",
    title: "One bad item fails its whole batch",
    kinds: code,
    match: /except(?:\s+Exception)?(?:\s+as\s+\w+)?\s*:|catch\s*(?:\(\w*\))?\s*\{/,
    context: /batch/i,
    why: "Any error is handed to every waiting caller, so one broken or refused item makes the others fail too; a retry of all then repeats what had worked.",
    instead:
      "Match results by id, fail only the item that failed, and split the batch once when the request as a whole is refused.",
  },
  {
    severity: "medium",
    title: "The queue has no bound",
    kinds: code,
    match: /\bqueue\b[^=\n]*=\s*(?:\[\]|deque\(\)|asyncio\.Queue\(\)|new Array\(\))/,
    why: "When work comes in faster than it leaves, the queue grows until memory ends, and everyone in it waits longer than anybody still waits for the answer.",
    instead: "Bound the queue, refuse with a clear error when it is full, and drop what has passed its deadline.",
  },
  {
    severity: "medium",
    title: "A call to a provider has no time limit",
    kinds: code,
    match: /await\s+\w*(?:llm|openai|anthropic|provider)\w*\.\w*(?:generate|complete|create|chat)\w*\(/i,
    unless: /timeout|deadline|abort|signal/i,
    why: "Providers hang, slow down and cut streams. Without limits for the connection, the first token and the pause between tokens one such call holds its worker and its user for ever; nothing cancels it when the user leaves.",
    instead:
      "Set separate time limits, retry only what is safe before the first token, with jitter, and pass cancellation down to the socket.",
  },
  {
    severity: "high",
    title: "A stream that breaks cannot be taken up again",
    kinds: code,
    match: /text\/event-stream/,
    unless: /Last-Event-ID|\bid:|retry:|lastEventId/i,
    why: "The events carry no id and no end event. A reader that loses the connection cannot ask for the rest, and an answer that was cut looks like a finished one. Proxies that buffer or compress hold the stream back.",
    instead:
      "Store events before they are sent, give each an id, resume after Last-Event-ID, end with an explicit event, send heartbeats, and set Cache-Control: no-cache, no-transform and X-Accel-Buffering: no.",
  },
  {
    severity: "low",
    title: "A header that HTTP/2 forbids",
    kinds: code,
    match: /["']?Connection["']?\s*:\s*["']keep-alive["']/i,
    why: "Connection is a header for one hop; HTTP/2 and HTTP/3 forbid it (RFC 9113, 8.2.2) and servers set it themselves in HTTP/1.1.",
    instead: "Leave it out.",
  },
  {
    severity: "medium",
    title: "Pages by offset slow down with depth",
    kinds: code,
    match: /\bskip\s*=\s*(?:skip|\(?\w*page)|\bOFFSET\s+(?:\d|\$|:|\?)|\.offset\(|\bskip\s*=\s*\(page/i,
    why: "The database reads and throws away every row before the page, so page 5,000 costs 5,000 pages; rows written meanwhile move others to be shown twice or never. A count for every page costs as much again.",
    instead:
      'Page by key (WHERE id < last ORDER BY id DESC) for what grows, count rarely or show "more", and cap the page number where offsets stay.',
  },
  {
    severity: "medium",
    title: "A cursor without a unique order loses or repeats rows",
    kinds: code,
    match: /order_?by\b.*created_?at/i,
    context: /cursor/i,
    unless: /skip\s*[=:]\s*1|created_?at["']?\s*[:,].*\bid\b/i,
    why: "Timestamps are not unique: rows of the same instant have no order, so they can be skipped or shown twice at a page's edge. Where the cursor names the last row seen, that row itself comes again unless it is skipped.",
    instead:
      "Order by a unique, sortable key (a UUIDv7, or time and id together), compare with the whole key and begin after it; index exactly that order.",
  },
  {
    severity: "low",
    title: "The client chooses how much is read",
    kinds: code,
    match: /\b(?:limit|page_?size|per_?page)\s*:\s*int\s*=\s*\d+/i,
    unless: /\ble\s*=|maximum|max_|min\(|clamp/i,
    why: "A default is not a bound: one request for ten million rows empties the pool's memory and time for all.",
    instead: "Refuse more than a fixed maximum in the schema of the request.",
  },
  {
    severity: "medium",
    title: "Making this index blocks writes",
    kinds: code,
    match: /CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)/i,
    why: "On a live PostgreSQL table a plain CREATE INDEX locks out every write until it is done, which takes minutes on large tables.",
    instead:
      "CREATE INDEX CONCURRENTLY outside a transaction, check that the index is valid afterwards, and prove with EXPLAIN that the query it is for uses it.",
  },
  {
    severity: "medium",
    title: "A bigger pool is not the cure for waiting",
    kinds: prose,
    match: /\bincrease\b.*\b(?:wait|slow)|\b(?:wait|slow)\w*\b.*\bincrease\b/i,
    why: "Callers wait for connections when queries are slow or held across other waits. More connections than the database has cores for make every query slower, and the queue moves to where nobody sees it.",
    instead:
      "First find what holds connections (slow queries, calls to others inside transactions); size the pool from cores and measured query time, with a limit on waiting.",
  },
  {
    severity: "medium",
    title: "The connection formula leaves no room",
    kinds: prose,
    match: /(?:pods?|replicas?|instances?).*<.*connections/i,
    why: "It fills the database to its last connection. A rolling deployment runs old and new pods together, and migrations, back-ups and the person who repairs it need connections too.",
    instead:
      "Count the doubled pods of a deployment, reserve connections for operations, and put a pooler in front when the sum passes what the database does well.",
  },
  {
    severity: "medium",
    title: "Usage is booked after the money is spent",
    kinds: code,
    match: /def\s+track_\w*(?:usage|cost)|function\s+track\w*(?:Usage|Cost)|\bcost\s*=\s*calculate_cost\(/i,
    unless: /reserve/i,
    why: "A process that dies between the answer and the booking loses the cost of that call, a cut stream is not booked at all, and nothing here can stop spending before it happens: concurrent calls pass any budget together.",
    instead:
      "Write the intent and reserve the upper bound before the call, settle what was used after it, idempotently, in integers, and sweep reservations of dead processes.",
  },
  {
    severity: "medium",
    title: "One time series for every id",
    kinds: code,
    match: /\.labels\([^)]*(?:user|squad|tenant|customer|request|session|order)_?id\b/i,
    why: "Every id makes a new series that the metrics store keeps in memory; with growing customers it is what fails first, and ids in metrics leave the house with them.",
    instead:
      "Keep ids in the database or in logs, aggregate there, and label metrics only with sets that are small and known.",
  },
  {
    severity: "low",
    title: "The label must be the route, not the path",
    kinds: code,
    match: /\[[^\]]*["'](?:endpoint|path|url)["'][^\]]*\]/,
    context: /Histogram|Counter|Summary/,
    why: "If the raw path goes in, every id in an address makes a new series.",
    instead: "Label with the route's pattern (/squads/:id) and one value for what matched no route.",
  },
  {
    severity: "low",
    title: "The default buckets do not fit the target",
    kinds: code,
    match: /\bHistogram\(/,
    unless: /buckets/i,
    why: "A percentile is interpolated within a bucket. With a client's default buckets the border of a target often lies inside one, so the metric cannot show whether it was met.",
    instead: "Set buckets with an edge at every target value.",
  },
  {
    severity: "low",
    title: "Durations by the wall clock",
    kinds: code,
    match: /\btime\.time\(\)|Date\.now\(\)\s*-/,
    why: "The wall clock is set back and forth by time synchronisation: durations come out negative or far too long.",
    instead: "Use a monotonic clock (time.perf_counter, performance.now).",
  },
  {
    severity: "medium",
    title: "The load test asks one address only",
    kinds: code,
    match: /http\.get\(\s*['"`]https?:/,
    context: /k6|stages|vus/i,
    unless: /http\.post|http\.batch/,
    why: "One unauthenticated GET repeated by everyone measures a cache, or a 401. It says nothing about writes, large customers, slow readers or the mix that production sees; `sleep` in a closed loop also slows the load down together with the server.",
    instead:
      "Load with a mix of reads and writes over many users and realistic data, at a fixed arrival rate, and check bodies as well as status.",
  },
  {
    severity: "medium",
    title: "An average hides the slow requests",
    kinds: ["table", ...prose],
    match: /\baverages?\b|\bmean\b/i,
    why: "A thousand fast calls hide fifty that time out. Users meet the tail, and an average can improve while it gets worse.",
    instead: "State p95 and p99 with the load and the data they hold for, and a limit for the slowest.",
  },
  {
    severity: "medium",
    title: "A hit ratio is not a property of the system",
    kinds: ["table", ...prose],
    match: /\bhit (?:ratio|rate)\b/i,
    why: "It follows from the traffic. A fixed target rewards caching what must not be cached, and exact caching hardly ever hits for conversations, which grow with every turn.",
    instead:
      "Set targets for latency and cost, show the ratio for each kind of request, and promise none for generated answers.",
  },
  {
    severity: "low",
    title: "A promise without exception",
    kinds: prose,
    match:
      /\b(?:always|never|guarantee[sd]?|100\s?%|zero[- ]downtime|unlimited|infinite(?:ly)?|instant(?:ly)?|impossible|fully automatic(?:ally)?|seamless(?:ly)?)\b/i,
    why: "Nothing in the passage says under which conditions this holds or what happens when they do not.",
    instead: "State the conditions, the failure and what the system then does, or weaken the statement.",
  },
  {
    severity: "low",
    title: "A comparison without a measurement",
    kinds: any,
    match: /\b\d+(?:\.\d+)?\s?(?:x|×|times|%)\s+(?:faster|slower|cheaper|less|more|better|smaller)\b/i,
    why: "It does not say what was measured, on what, with which load.",
    instead: "Give the two figures with machine, data, load and date, and the command that repeats them.",
  },
];
