import { randomUUID } from "node:crypto";
import {
  createEconomyLane,
  type EconomyLane,
  type EconomyLaneOptions,
  type Gateway,
  type ProviderAccount,
  postgresEconomyStore,
  postgresLedgerStore,
  type Query,
} from "#llm";
import { fixtureGateway } from "./gateway-fixture.ts";

/** A gateway with an economy lane on a real database, as one process has it; quick unless told otherwise. */
export function economyGateway(
  query: Query,
  accounts: ProviderAccount[],
  options: Partial<EconomyLaneOptions> = {},
): { gateway: Gateway; lane: EconomyLane; errors: unknown[] } {
  let lane: EconomyLane | undefined;
  const { gateway, errors } = fixtureGateway(accounts, {
    ledgerStore: postgresLedgerStore(query),
    economy: (parts) => {
      lane = createEconomyLane({
        ...parts,
        store: postgresEconomyStore(query),
        now: Date.now,
        onError: (error) => errors.push(error),
        size: 3,
        collectMs: 30,
        pollMs: 10,
        idleMs: 20,
        turnMs: 300,
        ...options,
      });
      return lane;
    },
  });
  return { gateway, lane: lane as EconomyLane, errors };
}

/** A user to whom calls can be billed. */
export async function insertUser(query: Query): Promise<string> {
  const id = randomUUID();
  await query("INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, 'A', 'x', 'member')", [
    id,
    `${id}@example.org`,
  ]);
  return id;
}
