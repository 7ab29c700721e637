import {
  AppError,
  CreateProviderAccountBody,
  ProviderAccountAnswer,
  ProviderAccountList,
  ProviderAccountParams,
  ProviderAccountTest,
  ProviderPresetList,
  providerPresets,
  UpdateProviderAccountBody,
} from "#contracts";
import {
  type Caller,
  createProviderAccount,
  deleteProviderAccount,
  listProviderAccounts,
  openProviderAccount,
  updateProviderAccount,
} from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { testProviderAccount } from "./test-provider-account.ts";

const tag = "provider accounts";

/** Reaching the server's own network is for the owner to allow: another user's address could be an inner service. */
function mayAllowPrivate(caller: Caller, body: { allowPrivateAddress?: boolean }): void {
  if (body.allowPrivateAddress === true && caller.role !== "owner") {
    throw new AppError("forbidden", "Only the owner may allow private addresses: ask them to make this account.");
  }
}
const changes = ["accounts"] as const;

/** The caller's keys and addresses at providers of models. */
export function providerAccountRoutes(): AnyRoute[] {
  return [...readRoutes(), ...writeRoutes()];
}

function readRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/provider-accounts",
      operationId: "listProviderAccounts",
      tag,
      summary: "The caller's accounts, without their keys",
      policy: "user",
      answer: ProviderAccountList,
      cache: { seconds: 60, areas: ["accounts"] },
      handle: async ({ db, caller }) => ({ data: await listProviderAccounts(db, caller) }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/provider-presets",
      operationId: "listProviderPresets",
      tag,
      summary: "Providers whose addresses are known, for new accounts",
      policy: "user",
      answer: ProviderPresetList,
      cache: { seconds: 300, areas: [] },
      handle: async () => ({ data: [...providerPresets] }),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/provider-accounts/:providerAccountId/test",
      operationId: "testProviderAccount",
      tag,
      summary: "Asks the provider for its models with the account's key",
      policy: "user",
      idempotency: "none",
      params: ProviderAccountParams,
      waitsForProvider: true,
      answer: ProviderAccountTest,
      handle: async ({ db, caller, params, deps }) => {
        const account = await openProviderAccount(db, caller, params.providerAccountId, deps.secretBox);
        return testProviderAccount(deps, expectFound(account, "provider account"));
      },
    }),
  ];
}

function writeRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "POST",
      path: "/api/v1/provider-accounts",
      operationId: "createProviderAccount",
      tag,
      summary: "Stores an account; its key is encrypted and never shown again",
      policy: "user",
      body: CreateProviderAccountBody,
      status: 201,
      answer: ProviderAccountAnswer,
      changes,
      handle: async ({ db, caller, body, deps, afterCommit }) => {
        mayAllowPrivate(caller, body);
        const { providerAccount } = expectOk(await createProviderAccount(db, caller, body, deps.secretBox));
        afterCommit(() => deps.onProviderAccountsChanged?.(caller.userId));
        return { providerAccount };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/provider-accounts/:providerAccountId",
      operationId: "updateProviderAccount",
      tag,
      summary: "Changes an account; a new address needs the key again",
      policy: "user",
      params: ProviderAccountParams,
      body: UpdateProviderAccountBody,
      answer: ProviderAccountAnswer,
      changes,
      handle: async ({ db, caller, params, body, deps, afterCommit }) => {
        mayAllowPrivate(caller, body);
        const { providerAccount } = expectOk(
          await updateProviderAccount(db, caller, params.providerAccountId, body, deps.secretBox),
        );
        afterCommit(() => deps.onProviderAccountsChanged?.(caller.userId));
        return { providerAccount };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/provider-accounts/:providerAccountId",
      operationId: "deleteProviderAccount",
      tag,
      summary: "Deletes an account and its key",
      policy: "user",
      params: ProviderAccountParams,
      answer: null,
      changes,
      handle: async ({ db, caller, params, deps, afterCommit }) => {
        expectOk(await deleteProviderAccount(db, caller, params.providerAccountId));
        afterCommit(() => deps.onProviderAccountsChanged?.(caller.userId));
        return undefined;
      },
    }),
  ];
}
