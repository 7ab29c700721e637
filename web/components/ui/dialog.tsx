"use client";
import clsx from "clsx";
import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { IconButton } from "./button.tsx";

interface DialogProps {
  title: string;
  /** A sentence under the title. */
  description?: ReactNode;
  onClose: () => void;
  children: ReactNode;
  className?: string;
  /** Hides the title and the cross: it still names the dialog, and what is in it brings a way to close of its own. */
  bare?: boolean;
  /** `side`: a drawer from the left edge. */
  placement?: "center" | "top" | "side";
}

/**
 * A modal dialog on the browser's own `<dialog>`: it keeps the focus inside, makes the rest inert, closes on Escape and on
 * a press outside that also ends there, and gives the focus back. Mount it to open it.
 */
export function Dialog({ title, description, onClose, children, className, bare, placement = "center" }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  // A click counts where the button is let go: one that selects text and ends outside has begun inside.
  const pressedOutside = useRef(false);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    // React focuses `autoFocus` fields while the dialog is still closed, and the browser then chooses the first thing in it.
    element?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      element?.close();
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        // `cancel` also bubbles from file inputs inside.
        if (event.target !== dialog.current) return;
        event.preventDefault();
        onClose();
      }}
      onClose={(event) => {
        // A way back of the device that is used twice closes it even where `cancel` was refused.
        if (!dialog.current || event.target !== dialog.current) return;
        dialog.current.showModal();
        onClose();
      }}
      onKeyDown={(event) => {
        // Left to the browser, a second Escape closes this dialog and the one it stands in, whatever they answer.
        if (event.key !== "Escape" || event.defaultPrevented || event.nativeEvent.isComposing) return;
        if (event.currentTarget.querySelector(":popover-open")) return;
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        pressedOutside.current = event.target === dialog.current;
      }}
      onClick={(event) => event.target === dialog.current && pressedOutside.current && onClose()}
      className={clsx(
        "overflow-hidden bg-raised p-0 text-sm shadow-pop",
        placement === "side"
          ? "m-0 h-dvh max-h-none w-72 max-w-[85vw]"
          : "max-h-[calc(100dvh-3rem)] w-[calc(100vw-1.5rem)] animate-rise rounded-xl",
        // Of two widths the stylesheet's order would decide, not the caller.
        placement !== "side" && !/(^|\s)max-w-/.test(className ?? "") && "max-w-lg",
        placement === "top" && "mt-[12vh]",
        className,
      )}
    >
      <div className="flex max-h-[inherit] flex-col">
        <header className={clsx(bare ? "sr-only" : "flex items-start gap-3 px-4 pt-3.5 pb-1")}>
          <div className="min-w-0 flex-1">
            <h2 id={id} className="font-semibold text-base [overflow-wrap:anywhere]">
              {title}
            </h2>
            {description && <p className="mt-0.5 text-muted">{description}</p>}
          </div>
          {!bare && (
            <IconButton label="Close" className="-mt-1 -mr-1.5 pointer-coarse:-mt-2.5" onClick={onClose}>
              <X aria-hidden className="size-4" />
            </IconButton>
          )}
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** The scrolling middle of a dialog. */
export function DialogBody({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={clsx("min-h-0 flex-1 overflow-y-auto px-4 py-3", className)}>{children}</div>;
}

/** The line of buttons that ends a dialog. */
export function DialogActions({ children }: { children: ReactNode }) {
  return (
    <footer className="flex flex-wrap items-center justify-end gap-2 border-line border-t px-4 py-3">{children}</footer>
  );
}
