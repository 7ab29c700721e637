/** Stands in the table for Ctrl, or ⌘ on Apple's machines. */
export const commandKey = "command";

/** The keys of the whole app, as shown on /shortcuts. */
export const shortcutGroups: { title: string; keys: { keys: string[]; what: string }[] }[] = [
  {
    title: "Everywhere",
    keys: [
      { keys: [commandKey, "K"], what: "Search, go to a page or a squad, start something" },
      { keys: ["/"], what: "Search the list, the board or the messages of the page" },
      { keys: ["?"], what: "Show these shortcuts" },
      { keys: ["n"], what: "New squad" },
      { keys: ["Esc"], what: "Close what is open; in a search: empty it and leave it" },
    ],
  },
  {
    title: "Go to",
    keys: [
      { keys: ["g", "d"], what: "Dashboard" },
      { keys: ["g", "s"], what: "Squads" },
      { keys: ["g", "p"], what: "Projects" },
      { keys: ["g", "e"], what: "Executions" },
      { keys: ["g", "c"], what: "Chat" },
      { keys: ["g", "u"], what: "Usage" },
      { keys: ["g", "f"], what: "Performance" },
      { keys: ["g", ","], what: "Settings" },
      { keys: ["g", "n"], what: "Notifications" },
    ],
  },
  {
    title: "On a board",
    keys: [
      { keys: ["c"], what: "New task" },
      { keys: ["Space"], what: "Pick up the task that has the focus; arrows move it, Space puts it down" },
      { keys: ["Enter"], what: "Open the task" },
    ],
  },
  {
    title: "Building a squad",
    keys: [
      { keys: ["Space"], what: "Pick up the member whose handle has the focus, and put it down" },
      { keys: ["↑", "↓"], what: "Move the member that is picked up" },
    ],
  },
  {
    title: "In a chat",
    keys: [
      { keys: ["Enter"], what: "Send the message" },
      { keys: ["Shift", "Enter"], what: "Begin a new line" },
    ],
  },
  {
    title: "In an execution",
    keys: [
      { keys: ["End"], what: "Jump to the newest message and follow" },
      { keys: ["Home"], what: "Jump to the first message loaded" },
    ],
  },
];

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
  create: (what: "squad") => void;
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

/** Handles the app's keys: Ctrl/Cmd-K anywhere; `g` and a letter within a second, `n` and `?` outside text and dialogs. */
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
    } else if (event.key === "n") {
      event.preventDefault();
      actions.create("squad");
    }
  };
}
