/** What the stores need of PostgreSQL: a pool's `query`. (The gateway may not import the database module.) */
export type Query = <Row>(text: string, params: unknown[]) => Promise<{ rows: Row[]; rowCount: number | null }>;
