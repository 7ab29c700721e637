import { randomUUID } from "node:crypto";
import {
  createGateway,
  type Gateway,
  type GatewayDeps,
  type LlmCall,
  type LlmCallContext,
  type LlmCallRecord,
  type LlmRequest,
  MemoryLedgerStore,
  type ProviderAccount,
} from "#llm";

/** An account of a local test server. */
export function testAccount(
  kind: ProviderAccount["kind"],
  url: string,
  extra: Partial<ProviderAccount> = {},
): ProviderAccount {
  return {
    id: `${kind}-test`,
    tenantId: null,
    kind,
    baseUrl: url,
    apiKey: "test-key",
    allowPrivateAddress: true,
    ...extra,
  };
}

export interface GatewayFixture {
  gateway: Gateway;
  ledger: MemoryLedgerStore;
  records: LlmCallRecord[];
  errors: unknown[];
}

/** A gateway over the given accounts that reports what it did. */
export function fixtureGateway(accounts: ProviderAccount[], deps: Partial<GatewayDeps> = {}): GatewayFixture {
  const records: LlmCallRecord[] = [];
  const errors: unknown[] = [];
  const ledger = new MemoryLedgerStore();
  const gateway = createGateway({
    accounts: { list: () => accounts },
    ledgerStore: ledger,
    retry: { baseDelayMs: 1, maxDelayMs: 5 },
    onError: (error) => errors.push(error),
    ...deps,
    observers: [{ onCall: (record) => records.push(record) }, ...(deps.observers ?? [])],
  });
  return { gateway, ledger, records, errors };
}

/** A call with a fresh id; everything can be replaced. */
export function testCall(request: Partial<LlmRequest> = {}, context: Partial<LlmCallContext> = {}): LlmCall {
  return {
    request: { model: "test-model", messages: [{ role: "user", content: "Hello" }], ...request },
    context: {
      callId: randomUUID(),
      tenantId: "tenant-1",
      squadId: null,
      executionId: null,
      memberId: null,
      lane: "interactive",
      cache: "auto",
      signal: new AbortController().signal,
      deadlineMs: null,
      ...context,
    },
  };
}
