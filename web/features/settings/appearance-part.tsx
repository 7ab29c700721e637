"use client";
import { Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { Panel } from "../../components/ui/panel.tsx";
import { chooseTheme, readTheme, type Theme } from "../../lib/theme.ts";

const themes: { value: Theme; label: string; icon: typeof Sun }[] = [
  { value: "system", label: "As the system", icon: Monitor },
  { value: "light", label: "Light", icon: Sun },
  { value: "dark", label: "Dark", icon: Moon },
];

/** Light or dark, on this device. */
export default function AppearancePart() {
  const [theme, setTheme] = useState(readTheme);
  return (
    <Panel title="Appearance on this device">
      <fieldset className="grid gap-2 p-4 sm:grid-cols-3">
        <legend className="sr-only">Appearance</legend>
        {themes.map(({ value, label, icon: Icon }) => (
          <label
            key={value}
            className={`flex cursor-pointer items-center gap-2.5 rounded-md border px-3 py-2.5 has-focus-visible:outline-2 has-focus-visible:outline-accent ${theme === value ? "border-accent bg-accent-soft" : "border-line hover:bg-hover"}`}
          >
            <input
              type="radio"
              name="theme"
              value={value}
              checked={theme === value}
              onChange={() => {
                setTheme(value);
                chooseTheme(value);
              }}
              className="sr-only"
            />
            <Icon aria-hidden className="size-4" />
            {label}
          </label>
        ))}
      </fieldset>
    </Panel>
  );
}
