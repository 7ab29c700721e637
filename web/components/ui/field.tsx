"use client";
import clsx from "clsx";
import { type ComponentProps, createContext, type ReactNode, use } from "react";

export const inputClass =
  "min-w-0 rounded-md border border-line-strong/80 bg-surface px-2.5 text-sm text-ink aria-invalid:border-bad disabled:opacity-60 pointer-coarse:text-lg";

interface FieldProps {
  label: string;
  /** Id of the control that the label names. */
  htmlFor: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: ReactNode;
  className?: string;
}

/** What a control in a field tells screen readers: that it is wrong, and where it stands what to mend or to know. */
const FieldState = createContext<{ id: string; invalid: boolean; hintId: string | undefined } | null>(null);

function useFieldState(id: string | undefined) {
  const field = use(FieldState);
  if (!field || field.id !== id) return {};
  return { "aria-invalid": field.invalid || undefined, "aria-describedby": field.hintId };
}

/** A label, its control, and what to know or mend about it. */
export function Field({ label, htmlFor, hint, error, children, className }: FieldProps) {
  const hintId = error || hint ? `${htmlFor}-hint` : undefined;
  return (
    <div className={clsx("min-w-0", className)}>
      <label htmlFor={htmlFor} className="mb-1 block font-medium text-muted text-xs">
        {label}
      </label>
      <FieldState value={{ id: htmlFor, invalid: Boolean(error), hintId }}>{children}</FieldState>
      {hintId && (
        <p
          id={hintId}
          role={error ? "alert" : undefined}
          className={clsx("mt-1 text-xs", error ? "text-bad" : "text-faint")}
        >
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

/** As wide as its place unless a width is given. */
function widthOf(className: string | undefined): string {
  return /(^|\s)w-/.test(className ?? "") ? "" : "w-full";
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return (
    <input
      {...useFieldState(rest.id)}
      {...rest}
      className={clsx(inputClass, "h-8 pointer-coarse:h-10", widthOf(className), className)}
    />
  );
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return (
    <textarea
      rows={4}
      {...useFieldState(rest.id)}
      {...rest}
      className={clsx(inputClass, "block w-full resize-y py-1.5 leading-normal", className)}
    />
  );
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return (
    // Browsers put 4 px before the text and the arrow's room behind it: with less padding than an input it stands in line.
    <select
      {...useFieldState(rest.id)}
      {...rest}
      className={clsx(inputClass, "h-8 text-ellipsis px-1.5 pointer-coarse:h-10", widthOf(className), className)}
    />
  );
}

/** A box to tick with its sentence. */
export function Checkbox({
  label,
  hint,
  ...rest
}: Omit<ComponentProps<"input">, "type"> & { label: string; hint?: string }) {
  return (
    <label
      className={clsx(
        "flex cursor-pointer items-start gap-2",
        hint ? "pointer-coarse:py-0.5" : "pointer-coarse:items-center",
      )}
    >
      <input
        type="checkbox"
        {...rest}
        className={clsx("size-4 shrink-0 accent-(--accent)", hint ? "mt-0.5" : "pointer-fine:mt-0.5")}
      />
      <span className="min-w-0">
        <span className="block">{label}</span>
        {hint && <span className="block text-faint text-xs">{hint}</span>}
      </span>
    </label>
  );
}
