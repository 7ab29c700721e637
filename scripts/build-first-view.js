// Bundles what the API process needs to draw a page's first view (web/first-view/render.tsx) into one file without
// dependencies beside the built UI: React and the pages' components are there, what only a browser has is stood in for.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const standIns = join(root, "web/first-view/stand-ins");

/** By the end of an import's path. */
const replaced = [
  [/^next\/navigation$/, "navigation.ts"],
  [/^next\/link$/, "link.tsx"],
  [/^next\/dynamic$/, "dynamic.tsx"],
  [/\/squad-form-context\.ts$/, "squad-form-context.ts"],
  [/\/use-hydrated\.ts$/, "use-hydrated.ts"],
  [/^\.\/message-list\.tsx$/, "message-list.tsx"],
];

/** Name of the file in the built UI's folder. It is read by the server and never served. */
export const firstViewFile = "first-view.cjs";

export async function buildFirstView(folder) {
  await build({
    entryPoints: [join(root, "web/first-view/render.tsx")],
    outfile: join(folder, firstViewFile),
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    jsx: "automatic",
    minify: true,
    // Names of components stay readable in a stack.
    keepNames: true,
    legalComments: "none",
    logLevel: "warning",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [
      {
        name: "stand-ins",
        setup({ onResolve }) {
          // What stands in may itself use what it stands in for.
          for (const [pattern, file] of replaced)
            onResolve({ filter: pattern }, ({ importer }) =>
              importer.startsWith(standIns) ? undefined : { path: join(standIns, file) },
            );
        },
      },
    ],
  });
}
