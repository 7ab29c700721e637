import { createContext, useContext } from "react";

/** The path of the page that is drawn. */
export const PathContext = createContext("/");

/** Stands in for `next/navigation` while the server draws: there is a path, and nowhere to go. */
export const usePathname = (): string => useContext(PathContext);

const nowhere = () => undefined;
const router = { push: nowhere, replace: nowhere, prefetch: nowhere, back: nowhere };
export const useRouter = () => router;
