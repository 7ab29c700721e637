import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import type { ModelList, ProjectAnswer, SquadAnswer, TaskAnswer } from "#contracts";
import { type Call, claim, desk, openContext, phone, watchedPage } from "../e2e/support/people.ts";
import { type RunningMuster, runMuster } from "../e2e/support/running-muster.ts";
import { runTask, seedSamples } from "../e2e/support/samples.ts";
import { launchBrowser } from "../support/browser.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

// What pages show when something is wrong, missing, or much longer than usual.

let database: TestDatabase;
let muster: RunningMuster;
let browser: Awaited<ReturnType<typeof launchBrowser>>;
let session: Awaited<ReturnType<Awaited<ReturnType<typeof openContext>>["storageState"]>>;
let call: Call;
before(async () => {
  database = await createTestDatabase();
  [muster, browser] = await Promise.all([runMuster({ DATABASE_URL: database.url }), launchBrowser()]);
  const context = await openContext(browser, "light", desk);
  call = await claim(context, muster);
  session = await context.storageState();
});
after(async () => {
  await browser?.close();
  await muster?.stop();
  await database?.drop();
});

async function openPage(size: typeof desk | typeof phone = desk): Promise<Page> {
  const context = await browser.newContext({ ...size, storageState: session });
  context.setDefaultTimeout(60_000);
  return (await watchedPage(context, muster)).page;
}

test("every list that is empty says what to do next", async () => {
  const page = await openPage();
  for (const [path, said, next] of [
    ["/", "Three steps to the first result", "Build a squad"],
    ["/squads", "No squad yet", "Build the first squad"],
    ["/projects", "No project yet", "Make the first project"],
    ["/executions", "No execution yet", "Go to the projects"],
    ["/executions?status=batches", "Nothing is deferred", null],
    ["/usage", "No call in this time", null],
    ["/notifications", "Nothing to tell yet", null],
    ["/chat", "Ask something", "Send"],
  ] as const) {
    await page.goto(muster.url + path);
    await page.getByText(said).waitFor();
    if (next) await page.locator("main").getByText(next, { exact: true }).first().waitFor();
  }
  await page.context().close();
});

test("an answer that fails says so and is asked for again; without a line the page says that it is offline", async () => {
  const page = await openPage();
  let broken = true;
  await page.route("**/api/v1/usage/**", (route) =>
    broken
      ? route.fulfill({
          status: 503,
          contentType: "application/problem+json",
          body: JSON.stringify({ status: 503, code: "unavailable", title: "Too busy", detail: "Try in a minute." }),
        })
      : route.continue(),
  );
  // With a query string it is not in the document.
  await page.goto(`${muster.url}/usage?range=week`);
  const alert = page.getByRole("alert");
  await alert.getByText("Too busy").waitFor();
  await alert.getByText("Try in a minute.").waitFor();
  broken = false;
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByText("No call in this time").waitFor();

  await page.route("**/api/v1/invitations?*", (route) => (broken ? route.abort() : route.continue()));
  broken = true;
  await page.goto(`${muster.url}/settings?part=people`);
  await page.getByText("Ada Lindqvist").last().waitFor();
  await alert.getByText("Muster cannot be reached").waitFor();
  broken = false;
  await alert.getByRole("button", { name: "Try again" }).click();
  await alert.getByText("Muster cannot be reached").waitFor({ state: "detached" });
  await page.goto(`${muster.url}/usage?range=week`);

  await page.context().setOffline(true);
  await page.getByText("You are offline").waitFor();
  await page.getByRole("link", { name: "Projects" }).first().click();
  await page.context().setOffline(false);
  await page.getByText("You are offline").waitFor({ state: "detached" });
  await page.getByText("No project yet").waitFor();
  await page.goto(`${muster.url}/executions/0198c9a0-0000-7000-8000-000000000000`);
  await page.getByRole("alert").getByRole("link", { name: "Go to the dashboard" }).click();
  await page.getByText("Three steps to the first result").waitFor();
  await page.context().close();
});

test("while an answer is awaited, its place is held by shapes of its size: nothing moves when it comes", async () => {
  await seedSamples(call);
  const page = await openPage();
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/api/v1/usage/**", async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(`${muster.url}/usage?range=week`);
  await page.getByRole("status", { name: "Loading the usage" }).waitFor();
  await page.evaluate(`(() => {
    globalThis.moved = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.moved += entry.value;
    }).observe({ type: "layout-shift" });
  })()`);
  release();
  await page.locator("table").waitFor();
  assert.equal(await page.evaluate("globalThis.moved"), 0);
  await page.context().close();
});

test("words without a space, titles of 200 characters, forty members, millions and unknown prices fit at both widths", async () => {
  const word = "Pneumonoultramicroscopicsilicovolcanoconiosis".repeat(5);
  const { squad } = await call<SquadAnswer>("POST", "/squads", {
    name: word.slice(0, 100),
    goal: word,
    process: "lead",
    members: Array.from({ length: 40 }, (_, number) => ({
      name: `${word.slice(0, 50)} ${number}`,
      role: number === 0 ? "editor" : "researcher",
      model: "muster/offline",
      instructions: "Read.",
      tools: [],
      isLead: number === 0,
    })),
  });
  const { project } = await call<ProjectAnswer>("POST", "/projects", { name: word.slice(0, 100), description: word });
  const { task } = await call<TaskAnswer>("POST", "/tasks", {
    projectId: project.id,
    squadId: squad.id,
    title: word.slice(0, 200),
    description: `${word}\n\nSay what is known.`,
    priority: "urgent",
  });
  const executionId = await runTask(call, task.id);
  await database.db.pool.query(
    "UPDATE task_executions SET cost_nano_usd = 4321987654321987, cost_incomplete = true, input_tokens = 2147483000 WHERE id = $1",
    [executionId],
  );
  // What was written past the server is in none of its caches.
  await muster.kill();
  await muster.start();
  for (const size of [desk, phone]) {
    const page = await openPage(size);
    for (const [path, ready] of [
      ["/", "text=Recent executions"],
      ["/squads", `text=${word.slice(0, 60)}`],
      [`/squads/${squad.id}`, "text=All changes are saved"],
      ["/projects", `text=${word.slice(0, 60)}`],
      [`/projects/${project.id}`, "h2:has-text('Pending')"],
      [`/projects/${project.id}?task=${task.id}`, "dialog >> text=Attachments"],
      ["/executions", "main li"],
      [`/executions/${executionId}`, "[role=tabpanel]"],
      [`/executions/${executionId}?tab=plan`, "[role=tabpanel]"],
      ["/notifications", "main li"],
      ["/usage", "table"],
    ] as const) {
      await page.goto(muster.url + path);
      await page.locator(ready).first().waitFor();
      const over = await page.evaluate<number>(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.ok(over <= 0, `${path} is ${over} px wider than its window of ${size.viewport.width}`);
      const outside = await page.evaluate<string[]>(
        `[...document.querySelectorAll("main button, main h1, main a")].filter((each) => {
          const { left, right, width } = each.getBoundingClientRect();
          return width > 0 && !each.closest("table, [role=tablist], .overflow-x-auto, [role=log], section.snap-start, .sr-only") && (left < -1 || right > innerWidth + 1);
        }).map((each) => each.outerHTML.slice(0, 200))`,
      );
      assert.deepEqual(outside.slice(0, 3), [], `${path} at ${size.viewport.width} px has controls outside`);
    }
    await page.goto(`${muster.url}/executions/${executionId}`);
    await page.getByText("$4,321,987.65 + unknown").first().waitFor();
    await page.context().close();
  }
});

test("a failed execution says why and offers a retry; one without a budget left says what to do", async () => {
  const refusing = createServer((_, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "You have no access to this model.", code: "model_not_found" } }));
  });
  await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
  const { port } = refusing.address() as AddressInfo;
  const page = await openPage(phone);
  try {
    await call("POST", "/provider-accounts", {
      kind: "openai",
      name: "Refusing",
      baseUrl: `http://127.0.0.1:${port}/v1`,
      apiKey: "sk-local-0000",
      allowPrivateAddress: true,
      models: ["gpt-4o-mini"],
    });
    const { data: models } = await call<ModelList>("GET", "/models");
    const model = models.find((one) => one.available && one.id.endsWith("gpt-4o-mini"))?.id;
    const { squad } = await call<SquadAnswer>("POST", "/squads", { template: "research-report", model });
    const { project } = await call<ProjectAnswer>("POST", "/projects", { name: "Refused" });
    for (const [body, said, actions] of [
      [{}, "You have no access to this model.", ["Retry"]],
      [{ budgetUsd: 0.000001 }, "The budget did not allow the next call.", ["Resume", "Retry"]],
    ] as const) {
      const { task } = await call<TaskAnswer>("POST", "/tasks", {
        projectId: project.id,
        squadId: squad.id,
        title: "Try it",
        description: "Say something.",
      });
      await page.goto(`${muster.url}/executions/${await runTask(call, task.id, body)}`);
      await page.getByRole("status").getByText(said).waitFor();
      for (const name of actions) await page.getByRole("button", { name, exact: true }).waitFor();
      await page.getByRole("tabpanel").waitFor();
      const over = await page.evaluate<number>(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.ok(over <= 0);
    }
  } finally {
    await page.context().close();
    refusing.close();
    refusing.closeAllConnections();
  }
});
