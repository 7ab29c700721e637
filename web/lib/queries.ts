import { type InfiniteData, type QueryClient, queryOptions } from "@tanstack/react-query";
import type {
  ApiKeyList,
  AuthState,
  Budget,
  BudgetPage,
  ConversationAnswer,
  Dashboard,
  ExecutionAnswer,
  ExecutionFileList,
  ExecutionPage,
  FileVersionAnswer,
  FileVersionList,
  InstallationSettingsAnswer,
  Me,
  ModelList,
  NotificationPage,
  PerformanceReport,
  ProjectAnswer,
  ProjectListItem,
  ProjectPage,
  ProviderAccountList,
  RoleList,
  SquadAnswer,
  SquadListItem,
  SquadPage,
  SquadTemplateList,
  TaskAnswer,
  TaskPage,
  ToolCallAnswer,
  ToolCallPage,
  ToolList,
  UsageGroup,
  UsagePage,
  UsageSummary,
} from "#contracts";
import { apiGet, queryString } from "./api.ts";

/**
 * A read of the API. Its key is the address cut at the query, so that everything below `/api/v1/squads` is refreshed by
 * `invalidate(client, "/squads")`.
 */
export function apiQuery<Value = unknown>(url: string) {
  const [path = url] = url.split("?");
  return queryOptions({
    queryKey: [path.replace("/api/v1", ""), url] as const,
    queryFn: ({ signal }) => apiGet<Value>(url, signal),
  });
}

/**
 * What is in the cache of a read that a longer-lived query begins with: written into the document by the server, or
 * fetched ahead; and when (0 when it has been made old meanwhile: to be shown, and read anew). Undefined when it is not there.
 */
export function beginningOf<Value>(client: QueryClient, url: string): { value: Value; atMs: number } | undefined {
  const state = client.getQueryState<Value>(apiQuery(url).queryKey);
  if (state?.data === undefined) return undefined;
  return { value: state.data, atMs: state.isInvalidated ? 0 : state.dataUpdatedAt };
}

/** The same as the first page of a list that grows; to be spread into the options of `useInfiniteQuery`. */
export function firstPageOf<Page, Cursor>(client: QueryClient, url: string, cursor: Cursor) {
  const beginning = beginningOf<Page>(client, url);
  if (!beginning) return {};
  const initialData: InfiniteData<Page, Cursor> = { pages: [beginning.value], pageParams: [cursor] };
  return { initialData, initialDataUpdatedAt: beginning.atMs };
}

const v1 = "/api/v1";

interface NumberedPage<Item> {
  data: Item[];
  page: number;
  pages: number;
}

/** A list with all its pages, read a hundred at a time: for choices, which name everything there is. */
function wholeList<Item extends { id: string }>(path: string, filter: Record<string, string> = {}) {
  return queryOptions({
    queryKey: [path, "whole", queryString(filter)] as const,
    queryFn: async ({ signal }): Promise<Item[]> => {
      // What moves between two reads may come twice.
      const byId = new Map<string, Item>();
      for (let page = 1, pages = 1; page <= pages; page++) {
        const url = `${v1}${path}${queryString({ ...filter, page, pageSize: 100 })}`;
        const answer = await apiGet<NumberedPage<Item>>(url, signal);
        for (const item of answer.data) byId.set(item.id, item);
        pages = answer.pages;
      }
      return [...byId.values()];
    },
  });
}

/** Whether the stream of changes is up: `ConnectionState`, kept in the cache beside what it patches. */
export const changesStateKey = ["changes-state"] as const;

/** Every read of the UI by name: one place for addresses, types and keys. */
export const queries = {
  authState: () => apiQuery<AuthState>(`${v1}/auth/state`),
  me: () => apiQuery<Me>(`${v1}/me`),
  dashboard: () => apiQuery<Dashboard>(`${v1}/dashboard`),
  squads: (filter: { page: number; pageSize: number; status?: string; search?: string }) =>
    apiQuery<SquadPage>(`${v1}/squads${queryString(filter)}`),
  allSquads: () => wholeList<SquadListItem>("/squads"),
  activeSquads: () => wholeList<SquadListItem>("/squads", { status: "active" }),
  squad: (squadId: string) => apiQuery<SquadAnswer>(`${v1}/squads/${squadId}`),
  squadTemplates: () => apiQuery<SquadTemplateList>(`${v1}/squad-templates`),
  roles: () => apiQuery<RoleList>(`${v1}/roles`),
  models: () => apiQuery<ModelList>(`${v1}/models`),
  tools: () => apiQuery<ToolList>(`${v1}/tools`),
  projects: (page: number, search = "") =>
    apiQuery<ProjectPage>(`${v1}/projects${queryString({ page, pageSize: 24, search })}`),
  allProjects: () => wholeList<ProjectListItem>("/projects"),
  project: (projectId: string) => apiQuery<ProjectAnswer>(`${v1}/projects/${projectId}`),
  tasks: (filter: { projectId?: string; squadId?: string; status?: string; page: number; pageSize: number }) =>
    apiQuery<TaskPage>(`${v1}/tasks${queryString(filter)}`),
  task: (taskId: string) => apiQuery<TaskAnswer>(`${v1}/tasks/${taskId}`),
  executions: (filter: { limit: number; squadId?: string; taskId?: string; search?: string }) =>
    apiQuery<ExecutionPage>(`${v1}/executions${queryString(filter)}`),
  execution: (executionId: string) => apiQuery<ExecutionAnswer>(`${v1}/executions/${executionId}`),
  files: (executionId: string) => apiQuery<ExecutionFileList>(`${v1}/executions/${executionId}/files`),
  toolCalls: (executionId: string, stepId: string) =>
    apiQuery<ToolCallPage>(`${v1}/executions/${executionId}/tool-calls${queryString({ stepId, limit: 200 })}`),
  toolCall: (executionId: string, toolCallId: string) =>
    apiQuery<ToolCallAnswer>(`${v1}/executions/${executionId}/tool-calls/${toolCallId}`),
  fileVersions: (executionId: string, path: string) =>
    apiQuery<FileVersionList>(`${v1}/executions/${executionId}/file-versions${queryString({ path })}`),
  fileVersion: (executionId: string, toolCallId: string) =>
    apiQuery<FileVersionAnswer>(`${v1}/executions/${executionId}/file-versions/${toolCallId}`),
  settings: () => apiQuery<InstallationSettingsAnswer>(`${v1}/settings`),
  conversation: (conversationId: string) => apiQuery<ConversationAnswer>(`${v1}/conversations/${conversationId}`),
  usageSummary: (filter: { from?: string; to?: string; groupBy: UsageGroup }) =>
    apiQuery<UsageSummary>(`${v1}/usage/summary${queryString(filter)}`),
  usage: (cursor?: string) => apiQuery<UsagePage>(`${v1}/usage${queryString({ cursor, limit: 50 })}`),
  performance: () => apiQuery<PerformanceReport>(`${v1}/performance`),
  notifications: (cursor?: string) =>
    apiQuery<NotificationPage>(`${v1}/notifications${queryString({ cursor, limit: 30 })}`),
  budgets: () => wholeList<Budget>("/budgets"),
  /** The instance's budget stands first in the list. */
  firstBudget: () => apiQuery<BudgetPage>(`${v1}/budgets${queryString({ page: 1, pageSize: 1 })}`),
  providerAccounts: () => apiQuery<ProviderAccountList>(`${v1}/provider-accounts`),
  apiKeys: () => apiQuery<ApiKeyList>(`${v1}/api-keys`),
};
