/** Where it is kept that single characters are no shortcuts on this device. */
const characterKeysKey = "muster-character-keys";

/**
 * Whether single characters are shortcuts on this device. Who speaks to the computer, or presses keys by accident, can
 * turn them off (WCAG 2.1.4); those with Ctrl or Cmd, Esc, Enter, Space, Home and End remain.
 */
export function hasCharacterKeys(): boolean {
  try {
    return localStorage.getItem(characterKeysKey) !== "off";
  } catch {
    // Storage may be forbidden, or this is the server: as it is without a choice.
    return true;
  }
}

/** Turns them on or off, for this and the next visits. */
export function chooseCharacterKeys(on: boolean): void {
  try {
    if (on) localStorage.removeItem(characterKeysKey);
    else localStorage.setItem(characterKeysKey, "off");
  } catch {
    // They stay as they are then, and the switch shows it.
  }
}

interface Actions {
  palette: () => void;
  go: (key: string) => void;
  create: (what: "squad" | "task") => void;
  help: () => void;
}

/** True where keys are text: then single letters are no shortcuts. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** True where a character that is pressed may be a shortcut: it is no text, no dialog is open, and they are not turned off. */
export function isCharacterKey(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  return !isTyping(event.target) && !document.querySelector("dialog[open]") && hasCharacterKeys();
}

/** Handles the app's keys: Ctrl/Cmd-K anywhere; `g` and a letter within a second, `c`, `n` and `?` outside text and dialogs. */
export function createShortcutHandler(actions: Actions): (event: KeyboardEvent) => void {
  let goUntil = 0;
  return (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      actions.palette();
      return;
    }
    if (!isCharacterKey(event)) return;
    const going = event.timeStamp < goUntil;
    goUntil = 0;
    if (going) {
      actions.go(event.key);
    } else if (event.key === "g") {
      goUntil = event.timeStamp + 1000;
    } else if (event.key === "?") {
      actions.help();
    } else if (event.key === "n" || event.key === "c") {
      event.preventDefault();
      actions.create(event.key === "n" ? "squad" : "task");
    }
  };
}
