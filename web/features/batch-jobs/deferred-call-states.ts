import type { DeferredCallState, ErrorCode } from "#contracts";

/** It has no end yet: it can be cancelled, and an answer may come. */
export function isOpen(state: DeferredCallState): boolean {
  return state === "waiting" || state === "batched" || state === "live";
}

/** What a state is called on screen. */
export const stateLabels: Record<DeferredCallState, string> = {
  waiting: "Waiting for a batch",
  batched: "At the provider",
  live: "Being asked live",
  completed: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

interface Advice {
  text: string;
  link?: { href: string; label: string };
}
const accounts = { href: "/settings", label: "Provider accounts" };
const models = { href: "/settings?part=models", label: "Models" };
const budgets = { href: "/settings?part=budgets", label: "Budgets" };
const again = "Send it again; with another Idempotency-Key, if it had one.";

/** What a person can do about an error that ended a call. Its text says what happened. */
const advices: Partial<Record<ErrorCode, Advice>> = {
  bad_request: { text: "The provider does not take this request as it is: change it and send it again." },
  model_unknown: {
    text: "Send it again with one of the models that your accounts offer, or add an account that offers this one.",
    link: models,
  },
  price_unknown: { text: "Give the account a price for this model, or lift the budget.", link: accounts },
  address_refused: { text: "Allow private addresses in the account, if it is meant to be one.", link: accounts },
  budget_exceeded: { text: "Raise the budget or wait for its next month, then send the call again.", link: budgets },
  provider_unauthorized: { text: "Put a valid key into the account, then send the call again.", link: accounts },
  provider_failed: { text: `Test the account. ${again}`, link: accounts },
  provider_timeout: { text: `Test the account. ${again}`, link: accounts },
};

export function adviceFor(code: ErrorCode | null): Advice {
  return (code && advices[code]) || { text: again };
}
