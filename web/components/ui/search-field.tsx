"use client";
import { Search } from "lucide-react";
import { type RefObject, useEffect, useRef, useState } from "react";
import { hasCharacterKeys, isCharacterKey } from "../../lib/shortcuts.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { inputClass } from "./field.tsx";

/** Has `/` focus the page's search; returns what tells so, for `aria-keyshortcuts`. */
export function useSearchKey(field: RefObject<HTMLInputElement | null>): "/" | undefined {
  const hydrated = useHydrated();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || !isCharacterKey(event)) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [field]);
  return hydrated && !hasCharacterKeys() ? undefined : "/";
}

/** A search in a list: tells what is typed a moment after the last key. `/` leads to it, Escape empties and leaves it. */
export function SearchField({
  id,
  label,
  placeholder = "Search by name",
  value,
  onChange,
}: {
  id?: string;
  /** What is searched, for who does not see where it stands. */
  label: string;
  placeholder?: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const [text, setText] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const shortcut = useSearchKey(field);
  const change = useRef(onChange);
  change.current = onChange;
  const told = useRef(value);
  useEffect(() => {
    if (text === null) return;
    const timer = setTimeout(() => {
      told.current = text.trim().slice(0, 120);
      change.current(told.current);
    }, 200);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    // Changed by another, as by a link to the whole list.
    if (value !== told.current) setText(null);
    told.current = value;
  }, [value]);
  return (
    <label className="relative block w-full sm:w-64">
      <span className="sr-only">{label}</span>
      <Search
        aria-hidden
        className="pointer-events-none absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-faint"
      />
      <input
        id={id}
        ref={field}
        type="search"
        aria-keyshortcuts={shortcut}
        placeholder={placeholder}
        value={text ?? value}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          setText("");
          event.currentTarget.blur();
        }}
        className={`${inputClass} h-8 w-full pl-8 pointer-coarse:h-10`}
      />
    </label>
  );
}
