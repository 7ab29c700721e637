import clsx from "clsx";
import { LoaderCircle } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";

export type ButtonLook = "primary" | "secondary" | "ghost" | "danger";

const looks: Record<ButtonLook, string> = {
  primary: "bg-ink text-inverse hover:opacity-88",
  secondary: "bg-surface border border-line-strong/70 text-ink hover:bg-hover",
  ghost: "text-muted hover:bg-hover hover:text-ink",
  danger: "border border-bad/40 text-bad hover:bg-bad-soft",
};

/** The classes of a button, for links that look like one. */
export function buttonClass(look: ButtonLook = "secondary", small = false): string {
  return clsx(
    "inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors disabled:opacity-50 aria-disabled:opacity-50",
    small ? "h-7 px-2 text-xs" : "h-8 px-3 text-sm",
    "pointer-coarse:h-10",
    looks[look],
  );
}

interface ButtonProps extends ComponentProps<"button"> {
  look?: ButtonLook;
  small?: boolean;
  /** Shows that the work is under way and takes no second press. */
  busy?: boolean;
  icon?: ReactNode;
}

export function Button({ look = "secondary", small = false, busy = false, icon, children, ...rest }: ButtonProps) {
  // While busy it only acts as if disabled: a disabled button would lose the keyboard's focus.
  return (
    <button
      type="button"
      {...rest}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      disabled={!busy && rest.disabled}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
      className={clsx(buttonClass(look, small), rest.className)}
    >
      {busy ? <LoaderCircle aria-hidden className="size-3.5 animate-spin" /> : icon}
      {children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<"button"> {
  /** Its name for screen readers, shown as a tooltip too. */
  label: string;
}

/** A square button with an icon: 28 px, and 40 px on touch screens. */
export function IconButton({ label, children, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      className={clsx(
        "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-muted transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 pointer-coarse:size-10",
        className,
      )}
    >
      {children}
    </button>
  );
}
