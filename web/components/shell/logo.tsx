/** The mark: a few in formation behind one. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg aria-hidden="true" viewBox="0 0 24 24" className={className} fill="none">
      <rect width="24" height="24" rx="6" fill="var(--ink)" />
      <circle cx="12" cy="7.4" r="2.6" fill="var(--inverse)" />
      <circle cx="6.9" cy="15.6" r="2.1" fill="var(--inverse)" opacity=".72" />
      <circle cx="12" cy="15.6" r="2.1" fill="var(--inverse)" opacity=".72" />
      <circle cx="17.1" cy="15.6" r="2.1" fill="var(--inverse)" opacity=".72" />
    </svg>
  );
}
