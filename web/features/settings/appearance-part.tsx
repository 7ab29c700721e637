"use client";
import { Monitor, Moon, Sun } from "lucide-react";
import { useState } from "react";
import { Checkbox } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { chooseCharacterKeys, hasCharacterKeys } from "../../lib/shortcuts.ts";
import { chooseTheme, readTheme, type Theme } from "../../lib/theme.ts";

const themes: { value: Theme; label: string; icon: typeof Sun }[] = [
  { value: "system", label: "As the system", icon: Monitor },
  { value: "light", label: "Light", icon: Sun },
  { value: "dark", label: "Dark", icon: Moon },
];

/** Light or dark, and whether characters are shortcuts, on this device. */
export default function AppearancePart() {
  const [theme, setTheme] = useState(readTheme);
  const [keys, setKeys] = useState(hasCharacterKeys);
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
      <div className="border-line border-t p-4">
        <Checkbox
          label="Shortcuts of a single key"
          hint="Such as n, c, /, ? and g with a letter. Turned off, they do nothing: for those who speak to their computer or press keys by accident."
          checked={keys}
          onChange={(event) => {
            chooseCharacterKeys(event.target.checked);
            setKeys(hasCharacterKeys());
          }}
        />
      </div>
    </Panel>
  );
}
