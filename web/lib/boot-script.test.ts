import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { fillIn } from "#contracts";
import { bootScript } from "./boot-script.ts";
import { firstData, frameData } from "./first-data.ts";

const id = "0198c0de-0000-7000-8000-00000000000a";

/** The addresses that the script asks for on a page at a time. */
function asked(location: { pathname: string; search: string }, now: Date): string[] {
  const urls: string[] = [];
  class FixedDate extends Date {
    constructor(time = now.getTime()) {
      super(time);
    }
  }
  const document = {
    documentElement: { dataset: {}, className: "" },
    styleSheets: [],
    getElementById: () => ({ textContent: "{}" }),
  };
  runInNewContext(bootScript({ classes: "a", family: "b" }), {
    window: {},
    document,
    location,
    navigator: {},
    localStorage: { getItem: () => null },
    matchMedia: () => ({ matches: false }),
    Date: FixedDate,
    fetch: (url: string) => {
      urls.push(url);
      return Promise.resolve({ status: 200, json: () => Promise.resolve({}) });
    },
  });
  return urls;
}

test("the script in the document asks for the very addresses that the server writes into it and the pages read", () => {
  const times = ["2026-01-31T23:59:59.999Z", "2026-11-30T12:00:00Z", "2026-12-31T23:30:00Z", "2028-02-29T00:00:00Z"];
  let filled = 0;
  for (const { page, urls } of firstData) {
    const pathname = page.replace(/^\^|\$$/g, "").replace(/\(.*\)/, id);
    const match = new RegExp(page).exec(pathname);
    assert.ok(match, `${page} does not fit ${pathname}`);
    for (const now of times.map((time) => new Date(time))) {
      const expected: string[] = urls.map((url) => fillIn(url, match, now));
      assert.deepEqual(asked({ pathname, search: "" }, now), [frameData, ...expected]);
      for (const url of expected) assert.doesNotMatch(url, /\$|undefined/);
      filled += expected.filter((url, index) => url !== urls[index]).length;
    }
  }
  assert.ok(filled >= 7 * times.length, "addresses with parts were among them");
  assert.deepEqual(asked({ pathname: "/squads", search: "?page=2" }, new Date()), [frameData]);
  assert.deepEqual(asked({ pathname: "/sign-in", search: "" }, new Date()), []);
});

test("months are those of UTC, over the end of a year", () => {
  const match = /^(x)$/.exec("x");
  assert.ok(match);
  const at = (time: string) => fillIn("$1 $month $nextMonth $1", match, new Date(time));
  assert.equal(at("2026-12-31T23:59:59Z"), "x 2026-12-01 2027-01-01 x");
  assert.equal(at("2026-01-31T00:00:00Z"), "x 2026-01-01 2026-02-01 x");
});
