import type { Queryable } from "#db";

/**
 * Takes one try of an address from a token bucket that all processes share (`burst` at once, `perSecond` in the long run; the
 * database's clock). 0 when allowed, else the seconds to wait.
 */
export async function takeSignInTry(
  db: Queryable,
  address: string,
  rate: { perSecond: number; burst: number },
): Promise<number> {
  const { rowCount } = await db.query(
    "sign_in_try_take",
    `INSERT INTO sign_in_tries AS t (address, tokens, at) VALUES ($1, $2::double precision - 1, clock_timestamp())
     ON CONFLICT (address) DO UPDATE SET at = clock_timestamp(),
       tokens = LEAST($2, t.tokens + extract(epoch FROM clock_timestamp() - t.at) * $3::double precision) - 1
     WHERE LEAST($2, t.tokens + extract(epoch FROM clock_timestamp() - t.at) * $3::double precision) >= 1`,
    [address, rate.burst, rate.perSecond],
  );
  return rowCount === 1 ? 0 : Math.max(1, Math.ceil(1 / rate.perSecond));
}
