"use client";
import clsx from "clsx";
import { Menu as MenuIcon, Search } from "lucide-react";
import dynamic from "next/dynamic";
import { usePathname } from "next/navigation";
import { type ReactNode, useCallback, useRef, useState } from "react";
import { useSearchState } from "../../lib/use-route.ts";
import { AppLink } from "../ui/app-link.tsx";
import { IconButton } from "../ui/button.tsx";
import { FirstView } from "./first-view.tsx";
import { Logo } from "./logo.tsx";
import { isCurrent, workPlaces } from "./navigation.ts";
import { NewTask, newTaskParameter } from "./new-task.ts";
import { NotificationsLink } from "./notifications-link.tsx";
import { Sidebar } from "./sidebar.tsx";
import { useFocusKeeper } from "./use-focus-keeper.ts";
import { useShortcuts } from "./use-shortcuts.ts";

const LiveChanges = dynamic(() => import("../../features/live/live-changes.tsx"), { ssr: false });
const Palette = dynamic(() => import("./palette.tsx"), { ssr: false });
const Dialog = dynamic(() => import("../ui/dialog.tsx").then((module) => module.Dialog), { ssr: false });

/** The frame of every page behind the sign-in. */
export function Shell({ children }: { children: ReactNode }) {
  const [palette, setPalette] = useState(false);
  const [drawer, setDrawer] = useState(false);
  const content = useRef<HTMLElement>(null);
  useFocusKeeper(content);
  // In the address, so that Back closes the new task, and a reload or signing in again finds it open.
  const [parameters, setParameters] = useSearchState();
  const task = parameters.has(newTaskParameter);
  const newTask = useCallback(() => setParameters({ [newTaskParameter]: "1" }, "push"), [setParameters]);
  const search = () => setPalette(true);
  useShortcuts(() => setPalette((open) => !open && !task), newTask);
  // Another page's address has other parameters: they are read when the path changes.
  usePathname();
  return (
    <div className="flex min-h-dvh">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-ink px-3 py-1.5 text-inverse focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      <aside className="sticky top-0 hidden h-dvh w-56 shrink-0 border-line border-r bg-canvas md:block">
        <Sidebar onSearch={search} />
      </aside>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="sticky top-0 z-30 flex h-12 items-center gap-1 border-line border-b bg-canvas px-3 md:hidden">
          <IconButton label="Menu" onClick={() => setDrawer(true)}>
            <MenuIcon aria-hidden className="size-5" />
          </IconButton>
          <AppLink href="/" className="flex h-10 flex-1 items-center gap-2 rounded-md font-semibold text-base">
            <Logo className="size-5" />
            Muster
          </AppLink>
          <IconButton label="Search or go to" onClick={search}>
            <Search aria-hidden className="size-4.5" />
          </IconButton>
          <NotificationsLink />
        </header>
        <main ref={content} id="content" tabIndex={-1} className="min-w-0 flex-1 pb-16 outline-none md:pb-0">
          <NewTask value={newTask}>
            <FirstView>{children}</FirstView>
          </NewTask>
        </main>
        <BottomBar />
      </div>
      {drawer && (
        <Dialog title="Menu" bare placement="side" onClose={() => setDrawer(false)}>
          <div className="h-dvh">
            <Sidebar
              onNavigate={() => setDrawer(false)}
              onClose={() => setDrawer(false)}
              onSearch={() => {
                setDrawer(false);
                search();
              }}
            />
          </div>
        </Dialog>
      )}
      <LiveChanges />
      {(palette || task) && <Palette task={task} onNewTask={newTask} onClose={() => setPalette(false)} />}
    </div>
  );
}

/** The work places within the thumb's reach on a phone. */
function BottomBar() {
  const pathname = usePathname();
  return (
    <nav
      aria-label="Work"
      className="fixed inset-x-0 bottom-0 z-30 grid grid-cols-5 border-line border-t bg-canvas pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {workPlaces.map(({ href, label, icon: Icon }) => {
        const current = isCurrent(href, pathname);
        return (
          <AppLink
            key={href}
            href={href}
            aria-current={current ? "page" : undefined}
            className={clsx(
              "flex h-14 flex-col items-center justify-center gap-0.5 font-medium text-2xs -outline-offset-2",
              current ? "text-ink" : "text-faint",
            )}
          >
            <Icon aria-hidden className="size-5" />
            {label}
          </AppLink>
        );
      })}
    </nav>
  );
}
