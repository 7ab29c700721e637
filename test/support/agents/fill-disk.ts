/** Run on a disk of 256 KB: writes too much over an existing file and prints what became of it, as JSON. */
import { readdir } from "node:fs/promises";
import { openWorkspace, WorkspaceError } from "#agents";

const root = process.argv[2] ?? "";
const workspace = openWorkspace(root);
await workspace.write("report.md", "the old report");
const refusal: unknown = await workspace.write("report.md", "x".repeat(1_000_000)).catch((error: unknown) => error);
const report = (await workspace.read("report.md")).text;
const files = (await workspace.list()).map((entry) => entry.path);
const names = await readdir(root);
await workspace.write("report.md", "small enough");
const afterwards = (await workspace.read("report.md")).text;
const { code, message } = refusal instanceof WorkspaceError ? refusal : { code: "other", message: String(refusal) };
process.stdout.write(JSON.stringify({ code, message, report, files, names, afterwards }));
