"use client";
import { AppLink } from "../../components/ui/app-link.tsx";
import { hasCharacterKeys } from "../../lib/shortcuts.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";

/** Whether keys of a single character work on this device, and where that is chosen. */
export function CharacterKeysNote() {
  const off = useHydrated() && !hasCharacterKeys();
  return (
    <p className="mb-4 text-muted">
      {off
        ? "Keys of a single character are turned off on this device; turn them on in the "
        : "Keys of a single character can be turned off in the "}
      <AppLink href="/settings?part=appearance" className="text-accent underline">
        settings
      </AppLink>
      .
    </p>
  );
}
