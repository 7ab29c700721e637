/** Name of the file in the built UI's folder. */
export const firstViewFile: string;
/** Writes the bundle that draws first views into a folder. */
export function buildFirstView(folder: string): Promise<void>;
