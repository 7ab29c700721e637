import { type Static, Type } from "typebox";
import { Id, object } from "./common.ts";

/** Without either, all of the caller's cached answers are meant. */
export const PurgeLlmCacheQuery = object({
  squadId: Type.Optional(Id),
  model: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: "As the usage names it: the provider's own name" }),
  ),
});
export type PurgeLlmCacheQuery = Static<typeof PurgeLlmCacheQuery>;
export const PurgeLlmCacheAnswer = object({ purged: Type.Integer() });
export type PurgeLlmCacheAnswer = Static<typeof PurgeLlmCacheAnswer>;
