import { UserChange } from "#contracts";
import { type Authenticator, credentialOf } from "../../plugins/authenticate.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { openSse } from "../../sse.ts";
import type { UserChanges } from "../../user-changes.ts";

/** What changes for the caller, so that pages need not ask again and again. */
export function changeRoutes(authenticator: Authenticator, changes: UserChanges): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/changes",
      operationId: "streamChanges",
      tag: "dashboard",
      summary: "The caller's own changes: first what is live, then executions, notifications and spend as they change",
      policy: "user",
      answer: UserChange,
      stream: "text/event-stream",
      handle: async ({ caller, deps, request, reply }) => {
        const stream = openSse(reply);
        deps.metrics.sseClients(1);
        const unfollow = changes.follow(caller.userId, {
          onChange: (frame) => stream.write(frame),
          onError: (error) => {
            deps.logger.warn({ err: error }, "changes of a user could not be read; their pages begin anew");
            // They come back and get a snapshot.
            stream.end();
          },
        });
        const credential = credentialOf(request);
        const unwatch = credential ? authenticator.watch(credential, () => stream.end()) : () => undefined;
        stream.onClose(() => {
          unfollow();
          unwatch();
          deps.metrics.sseClients(-1);
        });
        return undefined as never;
      },
    }),
  ];
}
