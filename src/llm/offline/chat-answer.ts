import type { LlmRequest } from "../types.ts";
import { rankTexts } from "./rank-passages.ts";
import { NOTICE } from "./report.ts";
import { sentencesOf } from "./work-answer.ts";

const MAX_SENTENCES = 5;
/** Shorter messages hold nothing to extract that the user does not see at a glance. */
const MIN_SENTENCES = 4;

/** Plain chat: says what it is, and extracts from the message what is nearest to its question. */
export function answerChat(request: LlmRequest): string {
  const message = request.messages.findLast((each) => each.role === "user")?.content ?? "";
  const sentences = sentencesOf(message);
  const intro = `I am Muster's offline model. ${NOTICE} I can pick out what matters in a text that you give me; for answers and new text, configure a provider.`;
  if (sentences.length < MIN_SENTENCES) {
    return message.trim() === "" ? intro : `${intro}\n\nYour message: "${message.trim().slice(0, 300)}"`;
  }
  const question = sentences.find((sentence) => sentence.endsWith("?")) ?? sentences[0] ?? "";
  const others = sentences.filter((sentence) => sentence !== question);
  const chosen = rankTexts(question, others)
    .slice(0, MAX_SENTENCES)
    .map(({ index }) => index)
    .sort((left, right) => left - right);
  const quotes = (chosen.length > 0 ? chosen : others.slice(0, MAX_SENTENCES).map((_, index) => index)).map(
    (index) => `- ${others[index]}`,
  );
  return `${intro}\n\nNearest to "${question}" in your message:\n${quotes.join("\n")}`;
}
