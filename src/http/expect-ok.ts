import { AppError } from "#contracts";
import type { Refusal } from "#domain";

/** The good outcome of a use case, or the refusal as the error that the client reads. */
export function expectOk<Outcome extends { outcome: string }>(outcome: Outcome | Refusal): Exclude<Outcome, Refusal> {
  if ("detail" in outcome && typeof outcome.detail === "string") {
    throw new AppError((outcome as Refusal).outcome, outcome.detail);
  }
  return outcome as Exclude<Outcome, Refusal>;
}

/** The thing, or 404 when it is missing or another's. */
export function expectFound<Thing>(thing: Thing | null, what: string): Thing {
  if (thing === null) throw new AppError("not_found", `There is no ${what} with this id, or it is not yours.`);
  return thing;
}
