-- Uploaded pictures of people and squad members, as the server encoded them. `users.avatar_key` and
-- `squad_members.avatar_key` hold the hash, a dot, and a blurred miniature (see docs/decisions/0045).
CREATE TABLE avatars (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  -- SHA-256 of the encoded pictures, first 16 bytes in base64url: what stands under a hash never changes.
  hash text NOT NULL,
  -- Width and height in pixels.
  size integer NOT NULL,
  format text NOT NULL CHECK (format IN ('avif', 'webp')),
  content bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, hash, size, format)
);
