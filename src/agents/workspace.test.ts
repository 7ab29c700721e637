import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { link, mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { sizeLimits } from "#contracts";
import type { Anchoring } from "./workspace/open-folder.ts";
import { WorkspaceError, type WorkspaceErrorCode } from "./workspace/workspace-error.ts";
import { openWorkspace } from "./workspace.ts";

const SECRET = "the secret outside";
let base = "";
before(async () => {
  base = await mkdtemp(join(tmpdir(), "muster-workspace-"));
  await mkdir(join(base, "outside"));
  await writeFile(join(base, "outside", "secret.txt"), SECRET);
});
after(() => rm(base, { recursive: true }));

let count = 0;
async function fresh(anchoring?: Anchoring) {
  count += 1;
  const root = join(base, `root-${count}`);
  await mkdir(root);
  return { root, workspace: openWorkspace(root, anchoring === undefined ? {} : { anchoring }) };
}

function refused(code: WorkspaceErrorCode | WorkspaceErrorCode[]) {
  return (error: unknown) => {
    assert.ok(error instanceof WorkspaceError, String(error));
    assert.ok([code].flat().includes(error.code), `${error.code}: ${error.message}`);
    assert.ok(!error.message.includes(base), "the message names a path of the machine");
    return true;
  };
}

const anchorings: Anchoring[] = process.platform === "linux" ? ["descriptor", "path"] : ["path"];

for (const anchoring of anchorings) {
  test(`what is written is read, listed and found (${anchoring})`, async () => {
    const { workspace } = await fresh(anchoring);
    assert.deepEqual(await workspace.write("notes/a.md", "one\nTwo words\n"), { path: "notes/a.md", bytes: 14 });
    await workspace.write("./b.txt", Buffer.from([1, 2, 3]));
    assert.deepEqual(await workspace.read("notes//a.md"), { text: "one\nTwo words\n", bytes: 14, truncated: false });
    assert.deepEqual([...(await workspace.readBytes("b.txt"))], [1, 2, 3]);
    assert.deepEqual(
      (await workspace.list()).map((entry) => [entry.path, entry.bytes]),
      [
        ["b.txt", 3],
        ["notes/a.md", 14],
      ],
    );
    assert.deepEqual(
      (await workspace.list("notes")).map((entry) => entry.path),
      ["notes/a.md"],
    );
    assert.deepEqual(await workspace.search("two WORDS"), [{ path: "notes/a.md", line: 2, text: "Two words" }]);
    await workspace.write("notes/a.md", "new");
    assert.equal((await workspace.read("notes/a.md")).text, "new");
  });

  test(`no name leads out (${anchoring})`, async () => {
    const { workspace } = await fresh(anchoring);
    const names = [
      "../outside/secret.txt",
      "a/../../outside/secret.txt",
      "/etc/passwd",
      "..",
      "C:/x",
      "a\\..\\b",
      "a\0b",
      "a\nb",
      `${"a/".repeat(20)}x`,
      "x".repeat(300),
      ".muster-tmp-x",
    ];
    for (const name of names) {
      await assert.rejects(workspace.read(name), refused("invalid_path"), name);
      await assert.rejects(workspace.write(name, "x"), refused("invalid_path"), name);
      await assert.rejects(workspace.list(name), refused("invalid_path"), name);
    }
    for (const name of ["", ".", "folder/"])
      await assert.rejects(workspace.write(name, "x"), refused("invalid_path"), name);
  });

  test(`no link leads out, at the end of a path or within it (${anchoring})`, async () => {
    const { root, workspace } = await fresh(anchoring);
    const outside = join(base, "outside");
    await symlink(join(outside, "secret.txt"), join(root, "file"));
    await symlink(outside, join(root, "folder"));
    await symlink(join(outside, "new.txt"), join(root, "dangling"));
    await mkdir(join(root, "deep"));
    await symlink("../../outside", join(root, "deep", "relative"));
    await link(join(outside, "secret.txt"), join(root, "hard"));
    for (const path of ["file", "folder/secret.txt", "deep/relative/secret.txt", "hard"]) {
      await assert.rejects(workspace.read(path), refused("link_refused"), path);
      await assert.rejects(workspace.readBytes(path), refused("link_refused"), path);
    }
    for (const path of ["file", "dangling", "folder/new.txt", "deep/relative/new.txt", "folder/sub/new.txt"]) {
      await assert.rejects(workspace.write(path, "hacked"), refused("link_refused"), path);
    }
    await assert.rejects(workspace.edit("file", SECRET, "hacked"), refused("link_refused"));
    await assert.rejects(workspace.list("folder"), refused("link_refused"));
    assert.deepEqual(await workspace.search("secret"), []);
    assert.deepEqual(
      (await workspace.list()).map((entry) => entry.path),
      ["hard"],
    );
    assert.equal(await readFile(join(outside, "secret.txt"), "utf8"), SECRET);
    assert.deepEqual(
      await openWorkspace(outside)
        .list()
        .then((entries) => entries.length),
      1,
    );
  });

  test(`pipes and devices are not opened and nothing hangs (${anchoring})`, {
    skip: process.platform === "win32",
  }, async () => {
    const { root, workspace } = await fresh(anchoring);
    execFileSync("sh", ["-c", 'mkfifo "$1"', "sh", join(root, "pipe")]);
    await assert.rejects(workspace.read("pipe"), refused("not_a_file"));
    await assert.rejects(workspace.write("pipe", "x"), refused("not_a_file"));
    assert.deepEqual(await workspace.list(), []);
  });

  test(`a folder that is not there, a file that is one (${anchoring})`, async () => {
    const { workspace } = await fresh(anchoring);
    await workspace.write("a/b.md", "x");
    await assert.rejects(workspace.read("nothing.md"), refused("not_found"));
    await assert.rejects(workspace.list("nothing"), refused("not_found"));
    await assert.rejects(workspace.read("a"), refused("not_a_file"));
    await assert.rejects(workspace.write("a", "x"), refused("not_a_file"));
    await assert.rejects(workspace.write("a/b.md/c.md", "x"), refused("not_a_folder"));
  });
}

test("a folder swapped for a link, again and again while files are read and written, never leads out", {
  skip: process.platform !== "linux",
}, async () => {
  const { root, workspace } = await fresh("descriptor");
  await workspace.write("swap/secret.txt", "inside");
  let swapping = true;
  const [swap, away] = [join(root, "swap"), join(root, "away")];
  // A write may have made the folder anew meanwhile: it goes, and the attack goes on.
  const again = async (work: () => Promise<void>) => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        assert.match(String(error), /EEXIST|ENOTEMPTY/);
        await rm(swap, { recursive: true, force: true, maxRetries: 20 });
      }
    }
  };
  const attacker = (async () => {
    while (swapping) {
      await rename(swap, away);
      await again(() => symlink(join(base, "outside"), swap));
      await unlink(swap);
      await again(() => rename(away, swap));
    }
  })();
  const seen = { read: 0, written: 0, refused: 0 };
  const refuse = (error: unknown) => {
    assert.ok(error instanceof WorkspaceError, String(error));
    if (error.code === "link_refused") seen.refused += 1;
  };
  // Until each side has won often enough for the race to have been one.
  for (let round = 0; round < 20_000 && Object.values(seen).some((count) => count < 15); round += 1) {
    const [text, write] = await Promise.all([
      workspace.read("swap/secret.txt").then(({ text }) => text, refuse),
      workspace.write("swap/new.txt", "x").then(() => true, refuse),
    ]);
    if (text !== undefined) {
      assert.equal(text, "inside");
      seen.read += 1;
    }
    if (write === true) seen.written += 1;
  }
  swapping = false;
  await attacker;
  assert.ok(
    Object.values(seen).every((count) => count >= 15),
    `there was no race: ${JSON.stringify(seen)}`,
  );
  assert.deepEqual(
    (await openWorkspace(join(base, "outside")).list()).map((entry) => entry.path),
    ["secret.txt"],
  );
});

test("readers see the old file or the new one, never a part", async () => {
  const { workspace } = await fresh();
  const contents = ["a".repeat(400_000), "b".repeat(300_000)];
  await workspace.write("f.txt", contents[0] ?? "");
  let writing = true;
  const writer = (async () => {
    for (let round = 0; round < 40; round += 1) await workspace.write("f.txt", contents[round % 2] ?? "");
    writing = false;
  })();
  while (writing) {
    const text = (await workspace.readBytes("f.txt")).toString();
    assert.ok(contents.includes(text));
  }
  await writer;
  assert.deepEqual(
    (await workspace.list()).map((entry) => entry.path),
    ["f.txt"],
  );
});

test("sizes are bounded: a file, an attachment, the files of a workspace", async () => {
  const { root, workspace } = await fresh();
  const large = Buffer.alloc(sizeLimits.fileBytes + 1, "x");
  await assert.rejects(workspace.write("large.bin", large), refused("too_large"));
  assert.deepEqual(await workspace.list(), []);
  await workspace.write("attachments/large.bin", large);
  await workspace.write("exact.bin", large.subarray(1));
  const tooMuch = sizeLimits.workspaceBytes - 2 * large.length + 2;
  await writeFile(join(root, "filler"), "");
  await truncate(join(root, "filler"), tooMuch);
  await assert.rejects(workspace.write("more.txt", "x"), refused("workspace_full"));
  // Replacing gives room back.
  await workspace.write("exact.bin", "small");
  await workspace.write("more.txt", "x");
});

test("a workspace holds a bounded number of files", async () => {
  const { root, workspace } = await fresh();
  await Promise.all(
    Array.from({ length: sizeLimits.workspaceFiles }, (_, index) => writeFile(join(root, `f${index}`), "")),
  );
  await assert.rejects(workspace.write("one-more", ""), refused("workspace_full"));
  await workspace.write("f1", "replaced");
});

test("parts of a file are read without cutting characters", async () => {
  const { workspace } = await fresh();
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.integer({ min: 4, max: 20 }),
      async (text, maxBytes) => {
        const whole = text.replaceAll("\0", "").toWellFormed();
        await workspace.write("text.txt", whole);
        let read = "";
        let offset = 0;
        for (let part = 0; part < 400; part += 1) {
          const slice = await workspace.read("text.txt", { offset, maxBytes });
          read += slice.text;
          offset += Buffer.byteLength(slice.text);
          if (!slice.truncated) break;
        }
        assert.equal(read, whole);
      },
    ),
    { numRuns: 40 },
  );
});

test("binary files are not shown as text", async () => {
  const { workspace } = await fresh();
  await workspace.write("image.png", Buffer.from([0x89, 0x50, 0, 0x47]));
  await assert.rejects(workspace.read("image.png"), refused("not_text"));
  assert.deepEqual(await workspace.search("P"), []);
});

test("an edit replaces one exact passage, and nothing else is special in it", async () => {
  const { workspace } = await fresh();
  await workspace.write("a.md", "one two two\nthree (x)\n");
  await workspace.edit("a.md", "three (x)", "$& $1 \\n");
  assert.equal((await workspace.read("a.md")).text, "one two two\n$& $1 \\n\n");
  await assert.rejects(workspace.edit("a.md", "two", "2"), refused("several_matches"));
  await assert.rejects(workspace.edit("a.md", "four", "4"), refused("no_match"));
  await assert.rejects(workspace.edit("a.md", "", "4"), refused("no_match"));
  await workspace.write("latin.txt", Buffer.from([0x63, 0x61, 0x66, 0xe9]));
  await assert.rejects(workspace.edit("latin.txt", "caf", "x"), refused("not_text"));
  assert.deepEqual([...(await workspace.readBytes("latin.txt"))], [0x63, 0x61, 0x66, 0xe9]);
});

test("edits of the same file at the same time are all kept", async () => {
  const { workspace } = await fresh();
  await workspace.write("list.md", Array.from({ length: 20 }, (_, index) => `<${index}>`).join("\n"));
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => workspace.edit("list.md", `<${index}>`, `done ${index};`)),
  );
  assert.equal((await workspace.read("list.md")).text.match(/done/g)?.length, 20);
});

test("a search takes its pattern as plain text with *, and cannot be made to hang", async () => {
  const { workspace } = await fresh();
  await workspace.write("code.py", "def get(user_id):\n    return (a+)+b\nSELECT count(*) FROM t\n");
  assert.deepEqual(
    (await workspace.search("(a+)+b")).map((match) => match.line),
    [2],
  );
  assert.deepEqual(
    (await workspace.search("def*user")).map((match) => match.line),
    [1],
  );
  assert.deepEqual(
    (await workspace.search("count(*)")).map((match) => match.line),
    [3],
  );
  assert.deepEqual(await workspace.search("user*def"), []);
  await assert.rejects(workspace.search("***"), refused("invalid_pattern"));
  await assert.rejects(workspace.search("x".repeat(201)), refused("invalid_pattern"));
  await workspace.write("evil.txt", `${"a".repeat(1_000_000)}\n`.repeat(2));
  const startedAt = performance.now();
  assert.deepEqual(await workspace.search(`${"*a".repeat(90)}*b`, { folder: "" }), []);
  assert.ok(performance.now() - startedAt < 2_000);
  assert.equal((await workspace.search("a", { maxMatches: 3 })).length, 3);
});

test("a workspace that does not exist yet is empty, and its first write makes it", async () => {
  const workspace = openWorkspace(join(base, "later", "root"));
  assert.deepEqual(await workspace.list(), []);
  assert.deepEqual(await workspace.search("x"), []);
  await assert.rejects(workspace.read("a.md"), refused("not_found"));
  await workspace.write("a.md", "x");
  assert.equal((await workspace.list()).length, 1);
});

/** Runs a shell command in a mount namespace of its own, where it may mount what nobody else sees. */
function inNamespace(command: string, ...args: string[]) {
  const script = `unshare -rm sh -c '${command}' sh "$@"`;
  return spawnSync("sh", ["-c", script, "sh", ...args], { encoding: "utf8" });
}

const canMount = process.platform === "linux" && inNamespace('mount -t tmpfs tmpfs "$1"', tmpdir()).status === 0;

test("a full disk is said clearly, the old file stays whole and nothing half-written is left", {
  skip: canMount ? false : "this machine allows no mount namespace",
}, async () => {
  const { root } = await fresh();
  const program = fileURLToPath(new URL("../../test/support/agents/fill-disk.ts", import.meta.url));
  const command = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" "$3" "$1"';
  const { stdout, stderr, status } = inNamespace(command, root, process.execPath, program);
  assert.equal(status, 0, stderr);
  const result: unknown = JSON.parse(stdout);
  assert.deepEqual(result, {
    code: "storage_full",
    message:
      'The disk is full, so "report.md" was not written and is as it was before. Somebody must free space first.',
    report: "the old report",
    files: ["report.md"],
    names: ["report.md"],
    afterwards: "small enough",
  });
});
