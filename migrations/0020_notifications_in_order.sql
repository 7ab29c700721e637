-- Warnings of budgets had random ids (UUIDv4) in a list that is ordered by id: some stood above all others for good. They get
-- the id that they would have now (muster_uuidv7): UUIDv7 of their moment. Nothing refers to these ids.
UPDATE notifications SET id = encode(set_bit(set_bit(
    overlay(uuid_send(id) PLACING substring(int8send(floor(extract(epoch FROM created_at) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
WHERE get_byte(uuid_send(id), 6) >> 4 = 4;
