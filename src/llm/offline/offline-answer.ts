/** What the rules answer: text, or tools to call first. */
export interface OfflineAnswer {
  text: string;
  toolCalls: { name: string; arguments: Record<string, unknown> }[];
}
