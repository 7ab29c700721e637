-- A new id for rows that only the database can know of: UUIDv7 (RFC 9562, section 5.7) of the moment given, so that it takes
-- its place among the ids that the application makes: pages go by id.
CREATE OR REPLACE FUNCTION muster_uuidv7(p_at timestamptz DEFAULT clock_timestamp()) RETURNS uuid LANGUAGE sql VOLATILE AS $$
  -- A random UUIDv4 with its first 48 bits replaced by the milliseconds and its version 4 (0100) turned into 7 (0111).
  SELECT encode(set_bit(set_bit(
    overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(floor(extract(epoch FROM p_at) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;
