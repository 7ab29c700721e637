import { InstallationSettingsAnswer, UpdateSettingsBody } from "#contracts";
import { readSettings, updateSettings } from "#domain";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "settings";

/** The owner's: what holds for the whole installation. */
export function settingsRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/settings",
      operationId: "readSettings",
      tag,
      summary: "Settings of the installation, and the room its data takes",
      policy: "owner",
      answer: InstallationSettingsAnswer,
      handle: async ({ db, caller }) => ({ settings: await readSettings(db, caller) }),
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/settings",
      operationId: "updateSettings",
      tag,
      summary: "Changes how long journals of ended executions stay whole",
      policy: "owner",
      body: UpdateSettingsBody,
      answer: InstallationSettingsAnswer,
      handle: async ({ db, caller, body }) => ({ settings: await updateSettings(db, caller, body) }),
    }),
  ];
}
