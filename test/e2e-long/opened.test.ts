import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Page } from "playwright-core";
import type { ExecutionStateAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { axeFindings } from "../e2e/support/axe.ts";
import { type PacedProvider, startPacedProvider } from "../e2e/support/paced-provider.ts";
import { desk, phone, watchedPage } from "../e2e/support/people.ts";
import { localAccount, type SampledMuster, sampledMuster } from "../e2e/support/sampled-muster.ts";

// What a page shows after a press: dialogs, menus, questions, errors, messages that come and go.

const world = sampledMuster({ prepare });
let provider: PacedProvider;
let liveId = "";
/** What the squad says stands still until the end. */
const released = Promise.withResolvers<void>();

/** Leaves an execution at work for as long as the tests look at it. */
async function prepare({ call, samples }: SampledMuster): Promise<void> {
  provider = await startPacedProvider({ latencyMs: 0, wordsPerSecond: 100, hold: () => released.promise });
  await call("POST", "/provider-accounts", localAccount(provider.baseUrl, "Paced", provider.model));
  const { squad } = await call<SquadAnswer>("POST", "/squads", {
    template: "research-report",
    name: "At work",
    model: `openai_compatible/${provider.model}`,
  });
  const task = {
    projectId: samples.projectId,
    squadId: squad.id,
    title: "Still at it",
    description: "Say what is known.",
  };
  const { id } = (await call<TaskAnswer>("POST", "/tasks", task)).task;
  liveId = (await call<ExecutionStateAnswer>("POST", `/tasks/${id}/executions`, {})).execution.id;
}
after(async () => {
  released.resolve();
  await provider?.close();
});

const button = (page: Page, name: string | RegExp) =>
  page.getByRole("button", { name, exact: typeof name === "string" }).first();

interface Opened {
  what: string;
  path: () => string;
  open: (page: Page) => Promise<void>;
  /** Shown once it is open. */
  shown: (page: Page) => ReturnType<Page["locator"]>;
  /** Only there at this size. */
  only?: "phone" | "desk";
  /** Looked at in both sizes and both themes, for all that is in it. */
  everywhere?: true;
}

const opened: Opened[] = [
  {
    what: "a new task from the dashboard",
    path: () => "/",
    open: (page) => button(page, "New task").click(),
    shown: (page) => page.getByRole("dialog").getByLabel("Project"),
  },
  {
    what: "the builder with an open member",
    path: () => `/squads/${world.samples.squadId}`,
    everywhere: true,
    open: (page) => page.locator("ol [aria-expanded]").first().click(),
    shown: (page) => page.getByLabel("Instructions"),
  },
  {
    what: "an execution at work",
    path: () => `/executions/${liveId}`,
    everywhere: true,
    open: async () => undefined,
    shown: (page) => page.locator("article[aria-busy=true]").first(),
  },
  {
    what: "a question before something is deleted",
    path: () => `/squads/${world.samples.squadId}`,
    everywhere: true,
    open: async (page) => {
      await button(page, "More about this squad").click();
      await page.getByRole("menuitem", { name: "Delete" }).click();
    },
    shown: (page) => page.getByRole("button", { name: "Delete the squad" }),
  },
  {
    what: "search with results",
    path: () => "/",
    open: async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Search or go to" }).fill("re");
    },
    shown: (page) => page.getByRole("option").first(),
  },
  {
    what: "search without results",
    path: () => "/usage",
    open: async (page) => {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox", { name: "Search or go to" }).fill("zzzz");
    },
    shown: (page) => page.getByText(/^No page, squad, project or execution/),
  },
  {
    what: "the menu of a phone",
    path: () => "/projects",
    only: "phone",
    open: (page) => button(page, "Menu").click(),
    shown: (page) => page.getByRole("dialog", { name: "Menu" }),
  },
  {
    what: "a new project without a name",
    path: () => "/projects",
    open: async (page) => {
      await button(page, "New project").click();
      await button(page, "Create project").click();
    },
    shown: (page) => page.getByText("A project needs a name."),
  },
  {
    what: "a question before typed text is thrown away",
    path: () => "/projects",
    open: async (page) => {
      await button(page, "New project").click();
      await page.getByLabel("Name", { exact: true }).fill("Half a thought");
      await page.keyboard.press("Escape");
    },
    shown: (page) => page.getByRole("heading", { name: "Throw away what you typed?" }),
  },
  {
    what: "a new task without a title",
    path: () => `/projects/${world.samples.projectId}`,
    open: async (page) => {
      await button(page, "New task").click();
      await page.getByRole("dialog").getByRole("button", { name: "Create", exact: true }).click();
    },
    shown: (page) => page.locator("[aria-invalid=true]"),
  },
  {
    what: "the menu of a squad",
    path: () => `/squads/${world.samples.squadId}`,
    open: (page) => button(page, "More about this squad").click(),
    shown: (page) => page.getByRole("menu"),
  },
  {
    what: "a squad without a name",
    path: () => `/squads/${world.samples.squadId}`,
    open: async (page) => {
      await page.locator("#squad-name").fill("");
      await button(page, "Save").click();
    },
    shown: (page) => page.locator("[aria-invalid=true]").first(),
  },
  {
    what: "a removed member, and Undo",
    path: () => `/squads/${world.samples.squadId}`,
    open: (page) => button(page, /^Remove /).click(),
    shown: (page) => button(page, "Undo"),
  },
  {
    what: "a step of the plan",
    path: () => `/executions/${world.samples.executionId}?tab=plan`,
    open: (page) => button(page, /Plan the work/).click(),
    shown: (page) => page.locator("article").first(),
  },
  {
    what: "a search of messages",
    path: () => `/executions/${world.samples.executionId}`,
    open: (page) => page.getByLabel("Search the messages").fill("the"),
    shown: (page) => page.getByText(/\d+ match/),
  },
  {
    what: "a provider account that lacks what it needs",
    path: () => "/settings",
    open: async (page) => {
      await button(page, "Add an account").click();
      await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
    },
    shown: (page) => page.locator("dialog [aria-invalid=true]").first(),
  },
  {
    what: "a new key, shown once",
    path: () => "/settings?part=keys",
    open: async (page) => {
      await page.getByLabel("Name of the new key").fill("Build server");
      await page.keyboard.press("Enter");
    },
    shown: (page) => page.getByRole("dialog"),
  },
  {
    what: "an answer that failed",
    path: () => "/usage?range=week",
    open: async () => undefined,
    shown: (page) => page.getByRole("alert").getByText("Too busy"),
  },
  {
    what: "no line",
    path: () => "/squads",
    open: (page) => page.context().setOffline(true),
    shown: (page) => page.getByText("You are offline"),
  },
];

/** Colours may turn by a transition; axe would judge those in between. */
const colourChangesDone = `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
  .then(() => Promise.all(document.getAnimations()
    .filter((one) => one instanceof CSSTransition)
    .map((one) => one.finished.catch(() => null))))`;

const atRest = `Promise.all(document.getAnimations()
  .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
  .map((one) => one.finished.catch(() => null)))`;

/** Answers the usage of the week with an error, as a server at its limit does. */
const refuseUsage = (page: Page) =>
  page.route("**/api/v1/usage/**", (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({ status: 503, code: "unavailable", title: "Too busy", detail: "Try in a minute." }),
    }),
  );

// Two windows at once: each waits for the other's pages no longer than for its own.
describe("axe finds nothing in what is opened by a press", { concurrency: 2 }, () => {
  for (const [theme, at, size] of [
    ["light", "desk", desk],
    ["dark", "phone", phone],
  ] as const) {
    test(`${at}, ${theme}`, async () => {
      const found: string[] = [];
      for (const [place, { what, path, open, shown, only, everywhere }] of opened.entries()) {
        // In turn, for the time that it takes: the pages themselves are looked at in both themes and sizes.
        if (!everywhere && (only ?? (place % 2 === 0 ? "desk" : "phone")) !== at) continue;
        const context = await world.browser.newContext({
          ...size,
          colorScheme: theme,
          storageState: await world.context.storageState(),
        });
        context.setDefaultTimeout(30_000);
        const { page } = await watchedPage(context, world.muster);
        await refuseUsage(page);
        await page.goto(world.muster.url + path());
        try {
          await open(page);
          await shown(page).waitFor();
        } catch (cause) {
          throw new Error(`${what} was not opened`, { cause });
        }
        // What moves in is judged where it comes to rest.
        await page.evaluate(atRest);
        found.push(...(await axeFindings(page, what)));
        if (everywhere) {
          await page.emulateMedia({ colorScheme: theme === "light" ? "dark" : "light" });
          await page.evaluate(colourChangesDone);
          found.push(...(await axeFindings(page, `${what}, the other theme`, "colours")));
        }
        await context.close();
      }
      assert.deepEqual(found, []);
    });
  }
});
