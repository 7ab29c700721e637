import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Providers } from "../components/providers.tsx";
import { bootScript } from "../lib/boot-script.ts";
import { code, inter, interExtended } from "./fonts.ts";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Muster", template: "%s · Muster" },
  description: "See your squads of AI agents at work: what runs, what it says, what it costs and what needs you.",
  applicationName: "Muster",
  robots: { index: false, follow: false },
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f9fafb" },
    { media: "(prefers-color-scheme: dark)", color: "#0f1115" },
  ],
};

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" data-theme="light" className={interExtended.variable} suppressHydrationWarning>
      <head>
        {/* The server may write the page's first data here (README.md). It must stand before the script that reads it. */}
        <script
          id="muster-data"
          type="application/json"
          suppressHydrationWarning
          // biome-ignore lint/security/noDangerouslySetInnerHtml: a constant, so that the server finds the place
          dangerouslySetInnerHTML={{ __html: "{}" }}
        />
        <script
          // biome-ignore lint/security/noDangerouslySetInnerHtml: a constant of ours, allowed by its hash
          dangerouslySetInnerHTML={{
            __html: bootScript({ classes: `${inter.variable} ${code.variable}`, family: "inter" }),
          }}
        />
      </head>
      <body>
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
