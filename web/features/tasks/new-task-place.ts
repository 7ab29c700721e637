/** What the page that is shown says about a task that is begun on it: its project on a board, its squad on a squad's page. */
export function placeOf(pathname: string): { projectId?: string; squadId?: string } {
  const [, kind, id] = /^\/(projects|squads)\/([\da-f-]{36})$/i.exec(pathname) ?? [];
  if (!id) return {};
  return kind === "projects" ? { projectId: id } : { squadId: id };
}
