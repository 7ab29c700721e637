import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { NextConfig } from "next";

const web = dirname(fileURLToPath(import.meta.url));

/**
 * A static export: the API process serves `web/out`. Ids known only at run time have one placeholder page (`_`),
 * to which the server rewrites (see README.md).
 */
const config: NextConfig = {
  output: "export",
  reactStrictMode: true,
  poweredByHeader: false,
  turbopack: {
    root: dirname(web),
    resolveAlias: { entities: "./components/markdown/decode-entities.ts" },
  },
  typescript: { tsconfigPath: "tsconfig.json" },
  images: { unoptimized: true },
  experimental: {
    // The whole stylesheet is smaller than a round trip is long: it travels inside the document.
    inlineCss: true,
    optimizePackageImports: ["lucide-react"],
  },
};

export default config;
