import { stripVTControlCharacters } from "node:util";
import type { Terminal } from "../terminal.ts";

/** Lines that scroll, and below them some that are drawn again and again; without a live terminal only the first. */
export interface LiveArea {
  print(line: string): void;
  clear(): void;
  close(): void;
}

const redrawIntervalMs = 100;
const hideCursor = "\u001b[?25l";
const showCursor = "\u001b[?25h";

/** East Asian wide characters and pictographs take two columns (Unicode TR 11, roughly). */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;

/** Cuts a styled line to a number of columns; a cut line loses its styles. */
export function fitLine(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  let used = 0;
  let fitting = "";
  for (const character of plain) {
    used += wide.test(character) ? 2 : 1;
    if (used > columns - 1) return `${fitting}…`;
    fitting += character;
  }
  return line;
}

/** Draws at most every 100 ms, which also keeps a clock in `lines` going. */
export function createLiveArea(terminal: Terminal, lines: () => string[]): LiveArea {
  let drawn = 0;
  let open = true;
  let pending: string[] = [];
  const timer = terminal.live ? setInterval(draw, redrawIntervalMs) : undefined;
  timer?.unref();
  if (terminal.live) terminal.write(hideCursor);

  const eraseText = () => (drawn === 0 ? "" : `\u001b[${drawn}A\r\u001b[J`);

  function draw(): void {
    if (!open) return;
    const all = lines();
    // What is at the end matters most: the status is the last line.
    const shown = all.slice(-(terminal.rows() - 2)).map((line) => fitLine(line, terminal.columns()));
    const scrolled = pending.map((line) => `${line}\n`).join("");
    terminal.write(`${eraseText()}${scrolled}${shown.map((line) => `${line}\n`).join("")}`);
    pending = [];
    drawn = shown.length;
  }

  function erase(): void {
    const scrolled = pending.map((line) => `${line}\n`).join("");
    terminal.write(`${eraseText()}${scrolled}`);
    pending = [];
    drawn = 0;
  }

  return {
    print(line) {
      if (terminal.live && open) pending.push(line);
      else terminal.write(`${line}\n`);
    },
    clear() {
      if (terminal.live && open) erase();
    },
    close() {
      if (!open) return;
      if (terminal.live) {
        erase();
        terminal.write(showCursor);
      }
      open = false;
      clearInterval(timer);
    },
  };
}
