import { toastError } from "./toast.ts";

/** Copies a text; false when the browser would not, which is then said with what one can do. */
export async function copyText(text: string): Promise<boolean> {
  // Browsers have a clipboard only on https and on this machine itself.
  if (!navigator.clipboard) {
    toastError(
      "Nothing was copied",
      new Error("The browser copies only over https. Select the text and copy it by hand."),
    );
    return false;
  }
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    toastError("Nothing was copied", new Error("The browser did not allow it. Select the text and copy it by hand."));
    return false;
  }
}
