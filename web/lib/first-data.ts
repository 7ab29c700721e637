/**
 * Which API answers the first paint of a page needs. One table for three readers: the inline script that asks for them
 * while the document is still being parsed, the API client that takes them over, and the server, which may write them
 * into the document (it reads the same table from `/first-data.json`; see README.md).
 *
 * `page` is a regular expression on the path; `fillIn` of the contracts tells what `$1`, `$month` and
 * `$nextMonth` in a url stand for. Pages with a query string fetch their
 * own data: the table holds for the bare path only.
 */
export interface FirstData {
  page: string;
  urls: string[];
}

const id = "([0-9a-fA-F-]{36})";

export const firstData: FirstData[] = [
  { page: "^/$", urls: ["/api/v1/dashboard"] },
  { page: "^/squads$", urls: ["/api/v1/squads?page=1&pageSize=24"] },
  { page: "^/squads/new$", urls: ["/api/v1/squad-templates", "/api/v1/roles", "/api/v1/models", "/api/v1/tools"] },
  {
    page: `^/squads/${id}$`,
    urls: [
      "/api/v1/squads/$1",
      "/api/v1/roles",
      "/api/v1/models",
      "/api/v1/tools",
      "/api/v1/executions?squadId=$1&limit=8",
    ],
  },
  { page: "^/projects$", urls: ["/api/v1/projects?page=1&pageSize=24"] },
  { page: `^/projects/${id}$`, urls: ["/api/v1/projects/$1", "/api/v1/tasks?projectId=$1&page=1&pageSize=100"] },
  { page: "^/executions$", urls: ["/api/v1/executions?limit=30"] },
  {
    page: `^/executions/${id}$`,
    urls: ["/api/v1/executions/$1", "/api/v1/executions/$1/messages?limit=100&order=desc"],
  },
  { page: "^/chat$", urls: ["/api/v1/conversations?limit=30", "/api/v1/models"] },
  {
    page: "^/usage$",
    urls: [
      ...["day", "squad"].map((group) => `/api/v1/usage/summary?from=$month&to=$nextMonth&groupBy=${group}`),
      "/api/v1/budgets?page=1&pageSize=1",
    ],
  },
  { page: "^/performance$", urls: ["/api/v1/performance"] },
  { page: "^/settings$", urls: ["/api/v1/provider-accounts", "/api/v1/models"] },
];

/** Pages that visitors without a session may see: they ask for nothing. */
export const publicPages = "^/(sign-in|claim|join)$";

/** The answer every signed-in page shows in its frame. */
export const frameData = "/api/v1/me";
