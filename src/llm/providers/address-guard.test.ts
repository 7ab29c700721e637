import assert from "node:assert/strict";
import { test } from "node:test";
import { isPublicAddress } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

test("only addresses of the public internet are public", () => {
  for (const address of ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
    assert.equal(isPublicAddress(address), true, address);
  const refused = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "198.18.0.1",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::7f00:1",
    "fe80::1",
    "fc00::1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "ff02::1",
    "localhost",
    "",
  ];
  for (const address of refused) assert.equal(isPublicAddress(address), false, address);
});

test("an account that may not reach private addresses reaches none, however the address is written", async () => {
  const server = await startOpenAiServer();
  const port = new URL(server.url).port;
  const spellings = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:7f00:1]", "[::7f00:1]", "[::1]", "0"];
  for (const host of spellings) {
    const { gateway } = fixtureGateway(
      [testAccount("openai", `http://${host}:${port}/v1`, { allowPrivateAddress: false })],
      {
        retry: { attemptsPerCandidate: 1 },
      },
    );
    await assert.rejects(gateway.complete(testCall()), { kind: "address_refused" }, host);
    await gateway.close();
  }
  assert.equal(server.requests.length, 0);
  await server.close();
});
