import { type Static, Type } from "typebox";
import { object } from "./common.ts";

/** What holds for everyone on this installation, and how much room it takes. */
export const InstallationSettings = object({
  journalDays: Type.Integer({ description: "Days after its end that the journal of an execution stays whole" }),
  storage: object({
    databaseBytes: Type.Integer(),
    journalBytes: Type.Integer({ description: "Events, LLM calls and tool calls: what compaction makes smaller" }),
    messageBytes: Type.Integer(),
    usageBytes: Type.Integer(),
    attachmentBytes: Type.Integer(),
  }),
  executions: object({
    total: Type.Integer(),
    compacted: Type.Integer(),
    due: Type.Integer({ description: "Ended longer ago than `journalDays` and not compacted yet" }),
  }),
});
export type InstallationSettings = Static<typeof InstallationSettings>;
export const InstallationSettingsAnswer = object({ settings: InstallationSettings });
export type InstallationSettingsAnswer = Static<typeof InstallationSettingsAnswer>;

export const UpdateSettingsBody = object({ journalDays: Type.Integer({ minimum: 1, maximum: 3_650 }) });
export type UpdateSettingsBody = Static<typeof UpdateSettingsBody>;
