import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { postgresEconomyStore, type Query } from "#llm";

/** Asks the economy lane's store what it asks for each call and each batch. */
export async function askEconomyStore(query: Query): Promise<void> {
  const store = postgresEconomyStore(query);
  const [batch] = await store.openBatches();
  assert.ok(batch, "no batch is open");
  await store.find(["none"]);
  await store.goLive("none");
  await store.beginLive("none");
  await store.makeBatch({ size: 5, collectMs: 60_000 });
  await store.beginSubmit(batch.id);
  await store.otherBatches(batch.id);
  await store.orphans(batch.id);
  await store.leftAnswers();
  await store.deliver(batch.id, []);
  await store.ended(batch.id, {});
}

/** Takes the turn, as each process does whether there is work or not, and does the housekeeping of whoever has it. */
export async function takeEconomyTurn(query: Query): Promise<boolean> {
  const store = postgresEconomyStore(query);
  const taken = await store.takeTurn(randomUUID(), 0);
  await store.prune();
  return taken;
}
