import { createContext } from "react";

/** In the query string while the dialog for a new task is open. */
export const newTaskParameter = "new-task";

/** Opens the dialog for a new task; of the frame, so that it opens over any page. */
export const NewTask = createContext<() => void>(() => undefined);
