import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { readTar, type TarEntry, TarError, tarEnd, tarEntry } from "./tar.ts";

const modifiedAtMs = 1_700_000_000_000;
const entry = (path: string, content: Buffer): TarEntry => ({ path, content, modifiedAtMs });
const entries = [
  entry("manifest.json", Buffer.from("{}")),
  entry("empty", Buffer.alloc(0)),
  entry("exactly/one/block", randomBytes(512)),
  entry(`folders/${"deep/".repeat(20)}file.txt`, randomBytes(700)),
  entry(`long/${"n".repeat(180)}.md`, Buffer.from("long name")),
  entry("workspaces/Übersicht – 概要.md", Buffer.from("ünïcode")),
];

describe("a tape archive", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "muster-tar-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  function write(bytes: Buffer): string {
    const path = join(folder, `${randomBytes(6).toString("hex")}.tar`);
    writeFileSync(path, bytes);
    return path;
  }
  async function read(path: string): Promise<TarEntry[]> {
    const file = await open(path);
    try {
      return await Array.fromAsync(readTar(file, () => undefined));
    } finally {
      await file.close();
    }
  }
  const whole = () => Buffer.concat([...entries.flatMap(tarEntry), tarEnd()]);

  it("gives back what was put in, long and foreign names too", async () => {
    assert.deepEqual(await read(write(whole())), entries);
  });

  it("is understood by the system's tar, and understands what that writes", async (context) => {
    if (spawnSync("tar", ["--version"]).status !== 0) return context.skip("there is no tar on this machine");
    const out = join(folder, "out");
    mkdirSync(out);
    assert.equal(spawnSync("tar", ["-xf", write(whole()), "-C", out]).status, 0);
    for (const { path, content } of entries) assert.deepEqual(readFileSync(join(out, path)), content);
    const theirs = join(folder, "theirs.tar");
    assert.equal(spawnSync("tar", ["--format=pax", "-cf", theirs, "-C", out, "."]).status, 0);
    const found = (await read(theirs)).map(({ path, content }) => [path.replace(/^\.\//, ""), content]);
    assert.deepEqual(
      new Map(found as [string, Buffer][]),
      new Map(entries.map(({ path, content }) => [path, content])),
    );
  });

  it("is refused wherever it was cut or a header was changed", async () => {
    const bytes = whole();
    for (let length = 0; length < bytes.length - tarEnd().length; length += 256) {
      await assert.rejects(read(write(bytes.subarray(0, length))), TarError, `cut at ${length}`);
    }
    for (const at of [0, 120, 130, 150, 300]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await assert.rejects(read(write(changed)), TarError, `changed at ${at}`);
    }
  });
});
