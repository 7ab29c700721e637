/**
 * Draws what a page shows first, from the same components as in the browser: the API process writes it into the
 * document, so that the content is there with the first paint and does not wait for the scripts (README.md). Bundled
 * into one file by `scripts/build-first-view.js`, where `stand-ins/` take the place of what only a browser has.
 */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ComponentType } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { ChatPage } from "../features/chat/chat-page.tsx";
import { DashboardPage } from "../features/dashboard/dashboard-page.tsx";
import { ExecutionPage } from "../features/executions/execution-page.tsx";
import { ExecutionsPage } from "../features/executions/executions-page.tsx";
import { PerformancePage } from "../features/performance/performance-page.tsx";
import { ProjectPage } from "../features/projects/project-page.tsx";
import { ProjectsPage } from "../features/projects/projects-page.tsx";
import { SettingsPage } from "../features/settings/settings-page.tsx";
import { SquadPage } from "../features/squads/squad-page.tsx";
import { SquadsPage } from "../features/squads/squads-page.tsx";
import { UsagePage } from "../features/usage/usage-page.tsx";
import { apiQuery } from "../lib/queries.ts";
import { allPartsLoaded } from "./stand-ins/dynamic.tsx";
import { PathContext } from "./stand-ins/navigation.ts";

const id = "[0-9a-fA-F-]{36}";
const pages: [RegExp, ComponentType][] = [
  [/^\/$/, DashboardPage],
  [/^\/squads$/, SquadsPage],
  [new RegExp(`^/squads/${id}$`), SquadPage],
  [/^\/projects$/, ProjectsPage],
  [new RegExp(`^/projects/${id}$`), ProjectPage],
  [/^\/executions$/, ExecutionsPage],
  [new RegExp(`^/executions/${id}$`), ExecutionPage],
  [/^\/chat$/, ChatPage],
  [/^\/usage$/, UsagePage],
  [/^\/performance$/, PerformancePage],
  [/^\/settings$/, SettingsPage],
];

/** Answers of the API by address, as the document carries them. */
export type GivenAnswers = Record<string, unknown>;

/** Loads the parts of pages; to be awaited once before the first drawing. */
export const prepare: () => Promise<void> = allPartsLoaded;

/** The HTML of a page's content; null for a page that is not drawn here. Throws what a component throws. */
export function render(path: string, given: GivenAnswers): string | null {
  const Page = pages.find(([pattern]) => pattern.test(path))?.[1];
  if (!Page) return null;
  const client = new QueryClient({
    defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY, gcTime: Number.POSITIVE_INFINITY } },
  });
  for (const [url, body] of Object.entries(given)) client.setQueryData(apiQuery(url).queryKey, body);
  return renderToStaticMarkup(
    <QueryClientProvider client={client}>
      <PathContext value={path}>
        <Page />
      </PathContext>
    </QueryClientProvider>,
  );
}
