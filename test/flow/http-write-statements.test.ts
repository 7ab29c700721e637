import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AnyRoute } from "#http";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call } from "../support/api-client.ts";
import { countStatements, type StatementCounter } from "../support/count-statements.ts";
import { createSide, doWrite, everyWrite, type Side, type Write } from "../support/every-write.ts";

// The number of statements of a write, those inside its transaction included, is the same for a thing of one part and of many, and for
// a caller who has one of everything and twenty.

let api: TestApi;
let sides: [Side, Side];
let counted: StatementCounter;

before(async () => {
  api = await startTestApi();
  sides = [await createSide(api, 1), await createSide(api, 20)];
  counted = countStatements(api.database.db);
});
after(() => api.close());

/** Writes that are not counted, each with the reason. */
const uncounted: Record<string, string> = {
  cancelBatchJob: "a batch at a provider, of which few are open at once: test/flow/batch-*.test.ts",
  approveExecution: "one step that waits: test/flow/control.test.ts",
  purgeLlmCache: "one statement inside the gateway, which is scripted here",
  removePerson: "done by an owner once in a while",
  invitePerson: "done by an owner once in a while",
  withdrawInvitation: "done by an owner once in a while",
  claimInstallation: "once in the life of an installation",
  signIn: "one person, by an address; it has no parts",
  acceptInvitation: "once for each person",
  signOut: "one session, by its key",
  testProviderAccount: "asks a provider; one row by its key",
  streamChat: "a stream",
  updateSettings: "the one row of the installation",
  putMyAvatar: "one picture",
  deleteMyAvatar: "one picture",
  putMemberAvatar: "one picture",
  deleteMemberAvatar: "one picture",
  recordWebVitals: "one statement for all figures of a page view",
  createChatCompletion: "a call of a model: what it costs is measured by the gateway's bench",
  createCompletion: "a call of a model",
  createEmbeddings: "a call of a model",
};

/** Hints to other processes go out together for many requests; a credential is asked for again when it was changed. */
const isAmong = /^(events_notify|cache_notify|api_key_find|session_find)$/;
const transactions = new Set<string>();

async function statementsOf(write: Write, side: Side): Promise<string[]> {
  // The credential is known, and nothing is kept that would be loaded again behind the write.
  const headers = write.session ? { cookie: side.cookie } : { authorization: `Bearer ${side.user.token}` };
  await call(api.app, "GET", "/api/v1/auth/state", { headers });
  api.deps.cache.answers.clear();
  const { statements } = await counted.during(() => doWrite(api, write, side));
  return statements.filter((name) => !isAmong.test(name)).sort();
}

for (const write of everyWrite) {
  test(`${write.operation} (${write.what}) takes as many statements for many parts as for one`, async () => {
    const [forOne, forMany] = [await statementsOf(write, sides[0]), await statementsOf(write, sides[1])];
    assert.deepEqual(forMany, forOne);
    assert.ok(forMany.length >= 1 && forMany.length <= 15, forMany.join());
    if (forMany.includes("BEGIN") && forMany.includes("COMMIT") && forMany.length > 2)
      transactions.add(write.operation);
  });
}

test("statements inside transactions are among those counted", () => {
  for (const operation of ["createSquad", "updateSquad", "addAttachments"])
    assert.ok(transactions.has(operation), operation);
});

test("every write of the route table is counted, or it is said why not", () => {
  const known = new Set([...everyWrite.map(({ operation }) => operation), ...Object.keys(uncounted)]);
  const all = api.app.routeTable.filter((route: AnyRoute) => route.method !== "GET").map((route) => route.operationId);
  assert.deepEqual(
    all.filter((operation) => !known.has(operation)),
    [],
  );
  assert.deepEqual(
    [...known].filter((operation) => !all.includes(operation)),
    [],
    "there are no such writes",
  );
});
