import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AppError } from "#contracts";
import { cursorPage, decodeCursor, encodeCursor, idBeside, offsetOf, offsetPage } from "./page.ts";

test("a cursor gives back its id, whatever the id", () => {
  fc.assert(fc.property(fc.uuid(), (id) => decodeCursor(encodeCursor(id)) === id));
});

test("beside an id is nothing between: the order of texts is that of numbers", () => {
  const id = "01938e2f-0000-7000-8000-0000000000ff";
  assert.equal(idBeside(id, 1), "01938e2f-0000-7000-8000-000000000100");
  assert.equal(idBeside("01938e2f-0000-7000-8000-000000000000", -1), "01938e2f-0000-7000-7fff-ffffffffffff");
  fc.assert(
    fc.property(
      fc.uuid(),
      (any) => idBeside(any, -1) < any && any < idBeside(any, 1) && idBeside(idBeside(any, 1), -1) === any,
    ),
  );
});

test("what is not a cursor of ours is refused", () => {
  const valid = encodeCursor("01938e2f-0000-7000-8000-000000000001");
  for (const bad of ["", "x", `${valid}A`, valid.slice(1), `${valid}=`, "01938e2f-0000-7000-8000-000000000001"]) {
    assert.throws(
      () => decodeCursor(bad),
      (error) => error instanceof AppError && error.code === "validation_failed",
      bad,
    );
  }
});

test("the row beyond the limit only tells that there is more", () => {
  const ids = ["a", "b", "c"].map((letter) => `${letter.repeat(8)}-0000-7000-8000-000000000000`);
  const page = cursorPage(
    ids,
    2,
    (id) => id,
    (id) => id[0],
  );
  assert.deepEqual(page.data, ["a", "b"]);
  assert.equal(decodeCursor(page.nextCursor ?? ""), ids[1]);
  assert.equal(
    cursorPage(
      ids,
      3,
      (id) => id,
      (id) => id,
    ).nextCursor,
    null,
  );
  assert.deepEqual(cursorPage([], 3, String, String), { data: [], nextCursor: null });
});

test("a page by number knows its total; beyond the end it asks", async () => {
  const rows = [{ total: 41, n: 1 }];
  const never = () => assert.fail("asked for a total that was there");
  assert.deepEqual(await offsetPage(rows, { page: 1, pageSize: 20 }, (row) => row.n, never), {
    data: [1],
    page: 1,
    pageSize: 20,
    total: 41,
    pages: 3,
  });
  const beyond = await offsetPage<{ total: number }, never>(
    [],
    { page: 9, pageSize: 20 },
    () => assert.fail(),
    async () => 41,
  );
  assert.deepEqual(beyond, { data: [], page: 9, pageSize: 20, total: 41, pages: 3 });
  const empty = await offsetPage<{ total: number }, never>([], { page: 1, pageSize: 20 }, () => assert.fail(), never);
  assert.deepEqual(empty, { data: [], page: 1, pageSize: 20, total: 0, pages: 0 });
  assert.equal(offsetOf(3, 20), 40);
});
