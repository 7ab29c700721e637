import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** What a command writes to: a terminal that can be redrawn, or a pipe or file that takes plain lines. */
export interface Terminal {
  readonly live: boolean;
  /** Characters in a line. */
  columns(): number;
  rows(): number;
  write(text: string): void;
  style(format: Style, text: string): string;
}

/** The terminal behind a stream. Node decides on colours: none for pipes, none when NO_COLOR (https://no-color.org) is set. */
export function terminalOf(stream: NodeJS.WriteStream, options: { dumb: boolean }): Terminal {
  const live = stream.isTTY === true && !options.dumb;
  const coloured = live && stream.hasColors();
  return {
    live,
    columns: () => Math.max(20, stream.columns || 80),
    rows: () => Math.max(5, stream.rows || 24),
    write: (text) => void stream.write(text),
    style: (format, text) => (coloured ? styleText(format, text, { validateStream: false }) : text),
  };
}
