export { listConversationMessages, listConversations, readConversation } from "./conversations.queries.ts";
export {
  addAssistantMessage,
  addUserMessage,
  type ConversationPartner,
  deleteConversation,
} from "./write-conversation.ts";
