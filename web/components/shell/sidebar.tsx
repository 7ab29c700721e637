"use client";
import clsx from "clsx";
import { Search, X } from "lucide-react";
import { usePathname } from "next/navigation";
import { AppLink } from "../ui/app-link.tsx";
import { IconButton } from "../ui/button.tsx";
import { CommandKey, Kbd } from "../ui/keys.tsx";
import { AccountMenu } from "./account-menu.tsx";
import { Logo } from "./logo.tsx";
import { carePlaces, isCurrent, type Place, workPlaces } from "./navigation.ts";
import { NotificationsLink } from "./notifications-link.tsx";

interface SidebarProps {
  onSearch: () => void;
  onNavigate?: () => void;
  /** Given where it is a drawer, which has a cross then. */
  onClose?: () => void;
}

/** Where one can go: the frame's left side, and the drawer on a phone. */
export function Sidebar({ onSearch, onNavigate, onClose }: SidebarProps) {
  return (
    <div className="flex h-full flex-col gap-3 px-2.5 py-3">
      <div className="flex h-7 items-center justify-between pr-0.5 pl-1.5 pointer-coarse:h-10">
        <AppLink
          href="/"
          onClick={onNavigate}
          className="flex h-full items-center gap-2 rounded-md font-semibold text-base"
        >
          <Logo className="size-5.5" />
          Muster
        </AppLink>
        <span className="flex items-center">
          <NotificationsLink onNavigate={onNavigate} />
          {onClose && (
            <IconButton label="Close" onClick={onClose}>
              <X aria-hidden className="size-4" />
            </IconButton>
          )}
        </span>
      </div>
      <button
        type="button"
        onClick={onSearch}
        aria-keyshortcuts="Control+K Meta+K"
        className="flex h-8 items-center gap-2 rounded-md border border-line pointer-coarse:h-10 bg-surface px-2 text-faint hover:text-muted"
      >
        <Search aria-hidden className="size-3.5" />
        <span className="flex-1 text-left">Search or go to</span>
        <Kbd>
          <CommandKey /> K
        </Kbd>
      </button>
      <nav aria-label="Main" className="flex flex-1 flex-col gap-4 overflow-y-auto">
        <Places places={workPlaces} onNavigate={onNavigate} />
        <Places places={carePlaces} onNavigate={onNavigate} />
      </nav>
      <AccountMenu />
    </div>
  );
}

function Places({ places, onNavigate }: { places: Place[]; onNavigate?: (() => void) | undefined }) {
  const pathname = usePathname();
  return (
    <ul className="flex flex-col gap-px">
      {places.map(({ href, label, icon: Icon }) => {
        const current = isCurrent(href, pathname);
        return (
          <li key={href}>
            <AppLink
              href={href}
              onClick={onNavigate}
              aria-current={current ? "page" : undefined}
              className={clsx(
                "flex h-7.5 items-center gap-2.5 rounded-md px-2 font-medium -outline-offset-2 transition-colors pointer-coarse:h-10",
                current ? "bg-hover text-ink" : "text-muted hover:bg-hover hover:text-ink",
              )}
            >
              <Icon aria-hidden className="size-4" />
              {label}
            </AppLink>
          </li>
        );
      })}
    </ul>
  );
}
