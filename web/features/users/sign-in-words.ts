/** Pages by the first part of their path; where an id follows, by what it is the id of. */
const places: Record<string, [page: string, one: string]> = {
  squads: ["Squads", "the squad"],
  projects: ["Projects", "the project"],
  executions: ["Executions", "the execution"],
  chat: ["Chat", "Chat"],
  usage: ["Usage", "Usage"],
  performance: ["Performance", "Performance"],
  settings: ["Settings", "Settings"],
  notifications: ["Notifications", "Notifications"],
  shortcuts: ["Keyboard shortcuts", "Keyboard shortcuts"],
};

/** In the query string of the sign-in page where a session has ended that was there before. */
export const endedParameter = "ended";

/** What the sign-in page says of why one is there and where one will come to; null where nobody asked for anything. */
export function signInWords(next: string, ended: boolean): string | null {
  const [path = "", search = ""] = next.split("?");
  const [, first = "", id = ""] = path.split("/");
  const names = places[first];
  const place =
    next === "/" ? null : id === "new" ? "the new squad" : names ? names[id ? 1 : 0] : "the page you asked for";
  const kept = new URLSearchParams(search).has("new-task") ? " The task you were writing is still there." : "";
  if (ended) return `Your session has ended. Sign in to go on${place ? ` at ${place}` : ""}.${kept}`;
  return place ? `Sign in to go to ${place}.` : null;
}
