/**
 * Who may import whom (ARCHITECTURE.md). Each module of src/ has one entry, index.ts; what a lower module needs from a
 * higher one comes as an argument from main/compose. Run through scripts/check-boundaries.js, which also asserts that
 * every source file was seen: a cruiser that cannot read TypeScript finds no modules and no violations.
 */
const mayImport = {
  contracts: [],
  config: [],
  metrics: ["contracts"],
  cache: ["metrics"],
  db: ["contracts", "metrics"],
  queue: ["db", "contracts"],
  events: ["db", "contracts"],
  llm: ["contracts", "cache", "metrics"],
  agents: ["llm", "contracts"],
  domain: ["db", "queue", "events", "cache", "contracts"],
  worker: ["db", "domain", "queue", "events", "agents", "llm", "contracts"],
  http: ["domain", "events", "cache", "llm", "contracts", "metrics"],
  cli: ["contracts", "config", "main"],
};
const modules = [...Object.keys(mayImport), "main"];
mayImport.main = modules.filter((name) => name !== "cli");

const testFiles = "\\.test\\.ts$";

module.exports = {
  forbidden: [
    ...modules.map((name) => ({
      name: `${name}-imports-only-what-it-may`,
      severity: "error",
      from: { path: `^src/${name}/`, pathNot: testFiles },
      to: { path: "^src/", pathNot: `^src/(${[name, ...mayImport[name]].join("|")})/` },
    })),
    {
      name: "only-through-the-entry",
      comment: "Another module is reached as #name, never inside.",
      severity: "error",
      from: { path: "^src/([^/]+)/" },
      to: { path: "^src/", pathNot: "^src/$1/|^src/[^/]+/index\\.ts$" },
    },
    {
      name: "entries-from-outside",
      comment: "Tests, benches and examples reach a module by its entry too.",
      severity: "error",
      from: { path: "^(test|bench|examples)/" },
      to: { path: "^src/", pathNot: "^src/[^/]+/index\\.ts$" },
    },
    {
      name: "source-does-not-import-tests",
      severity: "error",
      from: { path: "^src/", pathNot: testFiles },
      to: { path: "^(test|bench|scripts|examples|web)/|\\.test\\.ts$" },
    },
    {
      name: "web-imports-contracts-only",
      severity: "error",
      from: { path: "^web/" },
      to: { path: "^src/", pathNot: "^src/contracts/" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^k6(/|$)" } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(web/(out|\\.next)|\\.muster)/|next-env\\.d\\.ts$" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".cjs"],
    },
  },
};
