import type { Browser, BrowserContext, Page } from "playwright-core";
import type { RunningMuster } from "./running-muster.ts";

export interface Person {
  email: string;
  name: string;
  password: string;
}

export const ada: Person = { email: "ada@example.org", name: "Ada Lindqvist", password: "correct horse battery" };
export const ben: Person = { email: "ben@example.org", name: "Ben Okafor", password: "staple battery horse" };

/** Calls the API as the person who is signed in in this context. Throws with the answer's text when it is refused. */
export type Call = <Answer = unknown>(method: string, path: string, body?: unknown) => Promise<Answer>;

export function callerOf(context: BrowserContext, muster: Pick<RunningMuster, "url">): Call {
  return async <Answer>(method: string, path: string, body?: unknown) => {
    const response = await context.request.fetch(`${muster.url}/api/v1${path}`, {
      method,
      headers: { origin: muster.url, "idempotency-key": crypto.randomUUID() },
      ...(body === undefined ? {} : { data: body as Record<string, unknown> }),
    });
    const text = await response.text();
    if (!response.ok()) throw new Error(`${method} ${path}: ${response.status()} ${text}`);
    return (text ? JSON.parse(text) : null) as Answer;
  };
}

/** Makes the owner's account through the claim code, without the UI. */
export async function claim(context: BrowserContext, muster: RunningMuster, person: Person = ada): Promise<Call> {
  const call = callerOf(context, muster);
  const claimCode = new URL(muster.claimUrl).searchParams.get("code");
  await call("POST", "/auth/claim", { claimCode, email: person.email, name: person.name, password: person.password });
  return call;
}

/** A page that notes what must not happen: uncaught errors, console errors, refused resources, requests to elsewhere. */
export interface WatchedPage {
  page: Page;
  /** What went wrong so far; `forget` empties it. */
  troubles: string[];
  forget(): void;
}

export async function watchedPage(context: BrowserContext, muster: RunningMuster): Promise<WatchedPage> {
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") troubles.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== muster.url) troubles.push(`request to ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  // Nobody presses a key before the page is alive: what the server drew is there to read first.
  const goto = page.goto.bind(page);
  page.goto = async (...where) => {
    const answer = await goto(...where);
    await page.locator("[data-first-view]").waitFor({ state: "detached" });
    return answer;
  };
  return { page, troubles, forget: () => troubles.splice(0) };
}

export const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
export const desk = { viewport: { width: 1280, height: 800 } };

/** A context in one theme and size, in which nothing is waited for longer than 15 s unless it says so. */
export async function openContext(
  browser: Browser,
  theme: "light" | "dark",
  size: typeof phone | typeof desk,
): Promise<BrowserContext> {
  const context = await browser.newContext({
    ...size,
    colorScheme: theme,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
  });
  context.setDefaultTimeout(60_000);
  return context;
}
