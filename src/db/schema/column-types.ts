import { customType, timestamp } from "drizzle-orm/pg-core";

/** A moment, as a Date. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" });
