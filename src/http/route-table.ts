import type { Authenticator } from "./plugins/authenticate.ts";
import type { AnyRoute } from "./route.ts";
import { apiKeyRoutes } from "./routes/account/api-key-routes.ts";
import { authRoutes } from "./routes/account/auth-routes.ts";
import { peopleRoutes } from "./routes/account/people-routes.ts";
import { avatarRoutes } from "./routes/avatars/avatar-routes.ts";
import { batchJobRoutes } from "./routes/batch-jobs/batch-job-routes.ts";
import { budgetRoutes } from "./routes/budgets/budget-routes.ts";
import { catalogRoutes } from "./routes/catalog/catalog-routes.ts";
import { changeRoutes } from "./routes/changes/change-routes.ts";
import { chatRoutes } from "./routes/chat/chat-routes.ts";
import { conversationRoutes } from "./routes/chat/conversation-routes.ts";
import { dashboardRoutes } from "./routes/dashboard/dashboard-routes.ts";
import { executionControlRoutes } from "./routes/executions/control-routes.ts";
import { executionEventRoutes } from "./routes/executions/event-routes.ts";
import { executionRoutes } from "./routes/executions/execution-routes.ts";
import { executionFileRoutes } from "./routes/executions/file-routes.ts";
import { toolCallRoutes } from "./routes/executions/tool-call-routes.ts";
import { openAiRoutes } from "./routes/openai/openai-routes.ts";
import { docsRoutes } from "./routes/operations/docs-routes.ts";
import { operationRoutes } from "./routes/operations/operation-routes.ts";
import { projectRoutes } from "./routes/projects/project-routes.ts";
import { providerAccountRoutes } from "./routes/provider-accounts/provider-account-routes.ts";
import { settingsRoutes } from "./routes/settings/settings-routes.ts";
import { squadRoutes } from "./routes/squads/squad-routes.ts";
import { taskRoutes } from "./routes/tasks/task-routes.ts";
import { llmCacheRoutes } from "./routes/usage/llm-cache-routes.ts";
import { usageRoutes } from "./routes/usage/usage-routes.ts";
import type { UserChanges } from "./user-changes.ts";

/** Every route of Muster, each with its policy and schemas. The OpenAPI document and the security tests walk this table. */
export function createRouteTable(authenticator: Authenticator, changes: UserChanges): AnyRoute[] {
  const table: AnyRoute[] = [
    ...authRoutes(),
    ...apiKeyRoutes(),
    ...peopleRoutes(),
    ...avatarRoutes(),
    ...dashboardRoutes(),
    ...changeRoutes(authenticator, changes),
    ...squadRoutes(),
    ...catalogRoutes(),
    ...projectRoutes(),
    ...taskRoutes(),
    ...executionRoutes(),
    ...executionControlRoutes(),
    ...executionFileRoutes(),
    ...toolCallRoutes(),
    ...executionEventRoutes(authenticator),
    ...chatRoutes(),
    ...conversationRoutes(),
    ...usageRoutes(),
    ...llmCacheRoutes(),
    ...batchJobRoutes(),
    ...budgetRoutes(),
    ...providerAccountRoutes(),
    ...settingsRoutes(),
    ...openAiRoutes(),
    ...docsRoutes(),
    ...operationRoutes(() => table),
  ];
  return table;
}
