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
      { keys: ["c"], what: "New task: on a board in its project, on a squad's page for that squad" },
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
