/** Names that newer versions of widely used tools removed, renamed or advise against. Kept by hand; each says since when. */
export interface OutdatedName {
  match: RegExp;
  /** Must stand in the same passage, where the name alone says too little. */
  context?: RegExp;
  unless?: RegExp;
  what: string;
  instead: string;
}

export const outdatedNames: readonly OutdatedName[] = [
  {
    match: /\bFID\b|First Input Delay/,
    what: "First Input Delay is no Core Web Vital any more: Interaction to Next Paint (INP) took its place in March 2024",
    instead: "Measure INP (good: below 200 ms at the 75th percentile).",
  },
  {
    match: /\bswcMinify\b/,
    what: "`swcMinify` was removed from Next.js 15; minification by SWC is on",
    instead: "Remove the option.",
  },
  {
    match: /\boptimizeFonts\b/,
    what: "`optimizeFonts` was removed from Next.js 15",
    instead: "Use next/font, which self-hosts fonts with size-adjusted fallbacks.",
  },
  {
    match: /\bwebpack\s*:\s*\(/,
    context: /module\.exports|nextConfig|next\.config/,
    what: "Next.js 16 builds with Turbopack, and a `webpack` function in its configuration makes the build fail",
    instead: "Move the setting to `turbopack`, or build with --webpack knowingly.",
  },
  {
    match: /\bcacheTime\b/,
    what: "`cacheTime` is called `gcTime` since TanStack Query 5; the old name is ignored",
    instead: "Rename it, and check by a test that the option has an effect.",
  },
  {
    match: /\busePrefetchQuery\(\s*\)/,
    what: "`usePrefetchQuery` takes the query's options and returns nothing, so there is no function to call on hover",
    instead: "Call `queryClient.prefetchQuery(…)` in the handler, on hover and on focus.",
  },
  {
    match: /\bssr\s*:\s*false\b/,
    what: "`ssr: false` in `next/dynamic` is an error in Server Components since Next.js 15",
    instead: "Put the dynamic import into a Client Component, and reserve the space it will take.",
  },
  {
    match: /\breportWebVitals\b/,
    unless: /useReportWebVitals/,
    what: "An exported `reportWebVitals` is called in the Pages Router only; in the App Router it never runs",
    instead: "Use `useReportWebVitals` in a Client Component, and send with navigator.sendBeacon.",
  },
  {
    match: /['"]moment['"]\s*:\s*['"]dayjs['"]/,
    what: "Day.js is not Moment: the alias compiles, but plugins, mutability and locales differ, so code that uses them breaks at run time",
    instead: "Change the imports and test the places that use dates.",
  },
  {
    match: /placeholder="blur"/,
    unless: /blurDataURL|import\s+\w+\s+from\s+['"][^'"]+\.(?:png|jpe?g|webp|avif)/,
    what: '`placeholder="blur"` of next/image needs a `blurDataURL` when the source is a path, else it is an error',
    instead: "Give a blurDataURL or import the image.",
  },
  {
    match: /\.utcnow\(\)/,
    what: "`datetime.utcnow()` is deprecated since Python 3.12 and returns a time without a zone",
    instead: "Use datetime.now(timezone.utc), or the database's clock where rows are compared.",
  },
  {
    match: /datasource\s*=\s*\{/,
    context: /["']?pool["']?\s*:/,
    what: "Prisma takes no pool settings in its datasource; the size comes from the connection URL",
    instead:
      "Put connection_limit and pool_timeout into the URL and verify with the server's own count of connections.",
  },
  {
    match: /\bmodel\b[^\n]{0,12}=\s*["'](?:gpt-4|gpt-3\.5[\w.-]*|claude-(?:instant|2)[\w.-]*|text-davinci[\w.-]*)["']/,
    what: "The default names an old model by an alias whose meaning and price change, and which ends with its retirement",
    instead:
      "Name the model in the configuration, dated where the provider offers it, with a fallback and a known price.",
  },
  {
    match: /@app\.on_event\(/,
    what: "`on_event` is deprecated in FastAPI",
    instead: "Use a lifespan handler.",
  },
  {
    match: /\baioredis\b/,
    what: "aioredis is part of redis-py (redis.asyncio) and not maintained by itself",
    instead: "Use redis.asyncio.",
  },
  {
    match: /\bget_event_loop\(\)/,
    what: "`asyncio.get_event_loop()` raises without a running loop since Python 3.14",
    instead: "Use asyncio.run or get_running_loop.",
  },
  {
    match: /\bnew Buffer\(/,
    what: "`new Buffer` is deprecated in Node.js and can expose memory",
    instead: "Use Buffer.from or Buffer.alloc.",
  },
  {
    match: /\b(?:md5|sha1)\(\s*\w*passw/i,
    what: "MD5 and SHA-1 are no protection for passwords",
    instead: "Use Argon2id with current parameters.",
  },
];
