/** Shortens a text to `maxCharacters`, keeping its beginning and its end, and says in between how much was cut. */
export function boundText(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const note = `\n[… cut here: ${text.length - maxCharacters} of ${text.length} characters are not shown …]\n`;
  const head = Math.floor(maxCharacters * 0.75);
  const tail = maxCharacters - head;
  return `${text.slice(0, wholeCharacter(text, head))}${note}${text.slice(wholeCharacter(text, text.length - tail))}`;
}

/** Moves a cut that would fall between the halves of a surrogate pair one back. */
function wholeCharacter(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code >= 0xdc00 && code <= 0xdfff ? index - 1 : index;
}

/**
 * Shares `total` among pieces of the given sizes: small ones get all they need, the rest is split evenly among the large ones.
 * The shares never sum to more than `total`.
 */
export function shareOut(sizes: readonly number[], total: number): number[] {
  const shares = new Array<number>(sizes.length).fill(0);
  const order = sizes.map((size, index) => ({ size, index })).sort((left, right) => left.size - right.size);
  let left = total;
  for (const [position, { size, index }] of order.entries()) {
    const share = Math.min(size, Math.floor(left / (order.length - position)));
    shares[index] = share;
    left -= share;
  }
  return shares;
}
