// The floor of the API rows: a bare Fastify that sends given bytes, answers 304, or reads the same page with one prepared statement.
import fastify from "fastify";
import pg from "pg";

export interface FloorPlan {
  body: Buffer;
  headers: Record<string, string>;
  etag: string;
  databaseUrl: string;
  /** One statement for a page: squads of a user with their members, as JSON. */
  userIds: string[];
}

/** The page as one statement with its members, as the API shows it. */
const pageSql = `SELECT s.id, s.slug, s.name, s.status, s.process, s.created_at AS "createdAt", s.updated_at AS "updatedAt", left(s.goal, 200) AS goal,
    count(*) OVER ()::int AS total,
    (SELECT json_agg(json_build_object('id', m.id, 'name', m.name, 'role', m.role, 'model', m.model, 'isLead', m.is_lead, 'avatarKey', m.avatar_key) ORDER BY m.position)
     FROM squad_members m WHERE m.squad_id = s.id) AS members
  FROM squads s WHERE s.user_id = $1 ORDER BY s.id DESC LIMIT $2`;

process.once("message", async (plan: FloorPlan) => {
  const body = Buffer.from(plan.body);
  const pool = new pg.Pool({ connectionString: plan.databaseUrl, max: 20 });
  const app = fastify();
  app.get("/cached", (_request, reply) => {
    reply.headers(plan.headers).send(body);
  });
  app.get("/revalidated", (request, reply) => {
    if (request.headers["if-none-match"] === plan.etag) reply.code(304).header("etag", plan.etag).send();
    else reply.headers(plan.headers).send(body);
  });
  app.get<{ Querystring: { user: string; size: string } }>("/page", async (request, reply) => {
    const values = [plan.userIds[Number(request.query.user)], Number(request.query.size)];
    const { rows } = await pool.query({ name: "page", text: pageSql, values });
    reply.type("application/json").send(JSON.stringify({ data: rows, total: rows[0]?.total ?? 0 }));
  });
  const origin = await app.listen({ host: "127.0.0.1", port: 0 });
  process.send?.(origin);
  process.once("disconnect", () => process.exit());
});
