"use client";
import clsx from "clsx";
import { Check } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  /** Shown at the end of the line, for example a key. */
  hint?: ReactNode;
  checked?: boolean;
  danger?: boolean;
  disabled?: boolean;
  /** A line above this item. */
  divided?: boolean;
  run: () => void;
}

interface MenuProps {
  /** The button's name for screen readers (its content may be an icon). */
  label: string;
  trigger: ReactNode;
  items: MenuItem[];
  className?: string;
  align?: "start" | "end";
}

/** A button that opens a menu: arrows, Home, End and first letters move, Escape closes and gives the focus back. */
export function Menu({ label, trigger, items, className, align = "start" }: MenuProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = menu.current;
    const anchor = button.current;
    if (!open || !element || !anchor) return;
    element.showPopover();
    place(element, anchor.getBoundingClientRect(), align);
    focusItem(element, 0);
    const onToggle = (event: Event) => {
      if ((event as ToggleEvent).newState !== "closed") return;
      setOpen(false);
      if (element.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    };
    element.addEventListener("toggle", onToggle);
    return () => element.removeEventListener("toggle", onToggle);
  }, [open, align]);

  const close = () => {
    menu.current?.hidePopover();
    setOpen(false);
    button.current?.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        className={className}
        onClick={() => setOpen(true)}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        {trigger}
      </button>
      {open && (
        <div
          ref={menu}
          id={id}
          role="menu"
          tabIndex={-1}
          aria-label={label}
          popover="auto"
          onKeyDown={(event) => moveFocus(event, close)}
          className="max-h-80 min-w-44 max-w-72 overflow-y-auto rounded-lg bg-raised p-1 text-sm shadow-pop"
        >
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              {...(item.checked === undefined
                ? { role: "menuitem" }
                : { role: "menuitemradio", "aria-checked": item.checked })}
              disabled={item.disabled}
              tabIndex={-1}
              onClick={() => {
                close();
                item.run();
              }}
              className={clsx(
                "flex w-full items-center gap-2 rounded-md px-2 py-1.5 text-left -outline-offset-2 hover:bg-hover focus:bg-hover disabled:opacity-45",
                item.danger && "text-bad",
                item.divided &&
                  "relative mt-2 before:absolute before:inset-x-0 before:-top-1 before:border-line before:border-t",
              )}
            >
              {item.icon}
              <span className="min-w-0 flex-1 truncate">{item.label}</span>
              {item.hint}
              {item.checked && <Check aria-hidden className="size-3.5 text-accent" />}
            </button>
          ))}
        </div>
      )}
    </>
  );
}

function place(element: HTMLElement, anchor: DOMRect, align: "start" | "end") {
  const { width, height } = element.getBoundingClientRect();
  const below = anchor.bottom + 4 + height <= window.innerHeight - 8;
  const left = align === "start" ? anchor.left : anchor.right - width;
  element.style.top = `${below ? anchor.bottom + 4 : Math.max(8, anchor.top - height - 4)}px`;
  element.style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
}

function itemsOf(element: HTMLElement): HTMLElement[] {
  return [...element.querySelectorAll<HTMLElement>('[role^="menuitem"]:not(:disabled)')];
}

function focusItem(element: HTMLElement, index: number) {
  const items = itemsOf(element);
  items.at(index % Math.max(1, items.length))?.focus();
}

function moveFocus(event: KeyboardEvent<HTMLElement>, close: () => void) {
  const element = event.currentTarget;
  const items = itemsOf(element);
  const at = items.indexOf(document.activeElement as HTMLElement);
  const { key } = event;
  if (key === "Tab") close();
  else if (key === "ArrowDown") focusItem(element, at + 1);
  else if (key === "ArrowUp") focusItem(element, at - 1);
  else if (key === "Home") focusItem(element, 0);
  else if (key === "End") focusItem(element, -1);
  else if (key.length === 1 && key !== " ") {
    const rotated = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    rotated.find((item) => item.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()))?.focus();
    return;
  } else return;
  event.preventDefault();
}
