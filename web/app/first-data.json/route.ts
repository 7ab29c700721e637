import { firstData, frameData, publicPages } from "../../lib/first-data.ts";

export const dynamic = "force-static";

/** The table of first data as a file of the export, for the server that inlines it (README.md). */
export function GET() {
  return Response.json({ frameData, publicPages, pages: firstData });
}
