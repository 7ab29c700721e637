/** Stands in for `lib/use-hydrated.ts` while the server draws: the visitor is known, and so is the path. */
export const useHydrated = (): boolean => true;
