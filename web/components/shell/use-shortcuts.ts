"use client";
import { useRouter } from "next/navigation";
import { useEffect, useRef } from "react";
import { createShortcutHandler } from "../../lib/shortcuts.ts";
import { carePlaces, workPlaces } from "./navigation.ts";

/** The keys that work on every page (shown on /shortcuts). */
export function useShortcuts(togglePalette: () => void, newTask: () => void): void {
  const router = useRouter();
  const toggle = useRef(togglePalette);
  toggle.current = togglePalette;
  useEffect(() => {
    const places = new Map(
      [...workPlaces, ...carePlaces, { key: "n", href: "/notifications" }].map(({ key, href }) => [key, href]),
    );
    const handle = createShortcutHandler({
      palette: () => toggle.current(),
      go: (key) => {
        const href = places.get(key);
        if (href) router.push(href);
      },
      create: (what) => (what === "squad" ? router.push("/squads/new") : newTask()),
      help: () => router.push("/shortcuts"),
    });
    window.addEventListener("keydown", handle);
    return () => window.removeEventListener("keydown", handle);
  }, [router, newTask]);
}
