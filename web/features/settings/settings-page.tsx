"use client";
import { Archive, KeyRound, Palette, Plug, Sparkles, UserRound, Users, WalletMinimal } from "lucide-react";
import dynamic from "next/dynamic";
import type { ComponentType } from "react";
import { Page } from "../../components/shell/page.tsx";
import { Loading, Skeleton } from "../../components/ui/states.tsx";
import { type Tab, Tabs } from "../../components/ui/tabs.tsx";
import { earlyPart } from "../../lib/page-parts.ts";
import { useSearchState } from "../../lib/use-route.ts";

type Part = "accounts" | "models" | "budgets" | "keys" | "people" | "retention" | "profile" | "appearance";
const icon = "size-3.5";
const tabs: Tab<Part>[] = [
  { name: "accounts", label: "Provider accounts", icon: <Plug aria-hidden className={icon} /> },
  { name: "models", label: "Models", icon: <Sparkles aria-hidden className={icon} /> },
  { name: "budgets", label: "Budgets", icon: <WalletMinimal aria-hidden className={icon} /> },
  { name: "keys", label: "API keys", icon: <KeyRound aria-hidden className={icon} /> },
  { name: "people", label: "People", icon: <Users aria-hidden className={icon} /> },
  { name: "retention", label: "Retention", icon: <Archive aria-hidden className={icon} /> },
  { name: "profile", label: "Your account", icon: <UserRound aria-hidden className={icon} /> },
  { name: "appearance", label: "Appearance", icon: <Palette aria-hidden className={icon} /> },
];

const loading = PartSkeleton;
const parts: Record<Part, ComponentType> = {
  // The part that stands there when none is named.
  accounts: earlyPart(
    () => import("./accounts-part.tsx"),
    dynamic(() => import("./accounts-part.tsx"), { ssr: false, loading }),
  ),
  models: dynamic(() => import("./models-part.tsx"), { ssr: false, loading }),
  budgets: dynamic(() => import("./budgets-part.tsx"), { ssr: false, loading }),
  keys: dynamic(() => import("./keys-part.tsx"), { ssr: false, loading }),
  people: dynamic(() => import("./people-part.tsx"), { ssr: false, loading }),
  retention: dynamic(() => import("./retention-part.tsx"), { ssr: false, loading }),
  profile: dynamic(() => import("./profile-part.tsx"), { ssr: false, loading }),
  appearance: dynamic(() => import("./appearance-part.tsx"), { ssr: false, loading }),
};

/** `/settings`: what squads may use and spend, and who may use them. */
export function SettingsPage() {
  const [parameters, setParameters] = useSearchState();
  const part = tabs.find((tab) => tab.name === parameters.get("part"))?.name ?? "accounts";
  const Shown = parts[part];
  return (
    <Page
      title="Settings"
      toolbar={
        <Tabs
          label="Parts of the settings"
          tabs={tabs}
          value={part}
          onChange={(name) => setParameters({ part: name === "accounts" ? null : name })}
          controls="settings-part"
          className="-mx-1 max-w-full"
        />
      }
    >
      <div
        id="settings-part"
        role="tabpanel"
        aria-label={tabs.find((tab) => tab.name === part)?.label}
        className="max-w-4xl"
      >
        <Shown />
      </div>
    </Page>
  );
}

function PartSkeleton() {
  return (
    <Loading label="Loading the settings">
      <Skeleton className="h-72 rounded-lg" />
    </Loading>
  );
}
