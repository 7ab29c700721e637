"use client";
import clsx from "clsx";
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";

export interface Tab<Name extends string> {
  name: Name;
  label: string;
  icon?: ReactNode;
  /** Shown behind the label; null where it is not known yet: its place is kept. */
  count?: number | null | undefined;
}

interface TabsProps<Name extends string> {
  label: string;
  tabs: readonly Tab<Name>[];
  value: Name;
  onChange: (name: Name) => void;
  className?: string;
  /** Id of the panel that shows the chosen tab. */
  controls?: string;
}

/** Tabs in a line; arrows choose, as the ARIA pattern has it. */
export function Tabs<Name extends string>({ label, tabs, value, onChange, className, controls }: TabsProps<Name>) {
  const line = useRef<HTMLDivElement>(null);
  // On a narrow window the chosen one may stand outside: the line is scrolled, never the page.
  useEffect(() => {
    const row = line.current;
    const chosen = row?.querySelector<HTMLElement>(`[data-tab="${value}"]`);
    if (!row || !chosen || row.scrollWidth <= row.clientWidth) return;
    row.scrollLeft = chosen.offsetLeft - row.offsetLeft - (row.clientWidth - chosen.offsetWidth) / 2;
  }, [value]);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const at = tabs.findIndex((tab) => tab.name === value);
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: tabs.length - 1 - at }[event.key];
    const next = step === undefined ? undefined : tabs[(at + step + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    onChange(next.name);
    const row = event.currentTarget;
    requestAnimationFrame(() => row.querySelector<HTMLElement>('[aria-selected="true"]')?.focus());
  };
  return (
    <div
      ref={line}
      role="tablist"
      aria-label={label}
      onKeyDown={onKeyDown}
      className={clsx("edge-fade no-scrollbar flex gap-0.5 overflow-x-auto", className)}
    >
      {tabs.map((tab) => {
        const chosen = tab.name === value;
        return (
          <button
            key={tab.name}
            type="button"
            role="tab"
            data-tab={tab.name}
            aria-selected={chosen}
            aria-controls={controls}
            tabIndex={chosen ? 0 : -1}
            onClick={() => onChange(tab.name)}
            className={clsx(
              "flex h-7 shrink-0 items-center gap-1.5 rounded-md px-2.5 font-medium text-sm transition-colors -outline-offset-2 pointer-coarse:h-10",
              chosen ? "bg-hover text-ink" : "text-muted hover:text-ink",
            )}
          >
            {tab.icon}
            {tab.label}
            {tab.count !== undefined && (
              <span className="tabular min-w-3.5 text-left text-faint text-xs">{tab.count}</span>
            )}
          </button>
        );
      })}
    </div>
  );
}
