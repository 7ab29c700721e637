import { InvalidArgumentError } from "commander";
import { NANO_USD } from "#contracts";
import { usageError } from "./exit.ts";

const maxBudgetUsd = 1_000_000;

/** US dollars as typed, to nano-USD. @throws {InvalidArgumentError} that says what to type */
export function parseBudget(text: string): number {
  if (!/^\d{1,7}(\.\d{1,9})?$/.test(text)) throw new InvalidArgumentError("Give US dollars, for example 0.50.");
  const [whole = "0", fraction = ""] = text.split(".");
  const nanoUsd = Number(whole) * NANO_USD + Number(fraction.padEnd(9, "0"));
  if (nanoUsd > maxBudgetUsd * NANO_USD) throw new InvalidArgumentError("At most 1000000.");
  return nanoUsd;
}

/** The id of an execution as typed. @throws {CommandError} when it is none */
export function parseExecutionId(text: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw usageError(`"${text}" is not the id of an execution; muster execution list shows them`);
  }
  return text.toLowerCase();
}
