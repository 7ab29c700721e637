import assert from "node:assert/strict";
import { test } from "node:test";
import { signInWords } from "./sign-in-words.ts";

test("the sign-in page says why one is there and where one will come to", () => {
  for (const [next, ended, words] of [
    ["/", false, null],
    ["/", true, "Your session has ended. Sign in to go on."],
    ["/usage?range=week", false, "Sign in to go to Usage."],
    ["/usage?range=week", true, "Your session has ended. Sign in to go on at Usage."],
    ["/squads", true, "Your session has ended. Sign in to go on at Squads."],
    ["/squads/new", false, "Sign in to go to the new squad."],
    ["/executions/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", false, "Sign in to go to the execution."],
    ["/no/such/page", false, "Sign in to go to the page you asked for."],
    [
      "/projects/0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b?new-task=1",
      true,
      "Your session has ended. Sign in to go on at the project. The task you were writing is still there.",
    ],
  ] as const)
    assert.equal(signInWords(next, ended), words);
});
