"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { ApiKey, CreatedApiKey } from "#contracts";
import { Button, IconButton } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { Input } from "../../components/ui/field.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Skeleton } from "../../components/ui/states.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { SecretOnce } from "./secret-once.tsx";

/** Keys for scripts and OpenAI clients. */
export default function KeysPart() {
  const client = useQueryClient();
  const { data, error, refetch } = useQuery({ ...queries.apiKeys(), staleTime: 5000 });
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [created, setCreated] = useState<CreatedApiKey | null>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const create = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      setCreated(await apiSend<CreatedApiKey>("POST", "/api/v1/api-keys", { name: name.trim() }));
      setName("");
      await invalidate(client, "/api-keys");
    } catch (failure) {
      toastError("No key was made", failure);
    }
    setBusy(false);
  };
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="h-72 rounded-lg" />;
  const keys = data.data.filter((key) => !key.revokedAt);
  return (
    <>
      <Panel title="API keys">
        <form onSubmit={(event) => void create(event)} className="flex gap-2 border-line border-b p-3">
          <Input
            aria-label="Name of the new key"
            placeholder="What the key is for"
            maxLength={120}
            value={name}
            onChange={(event) => setName(event.target.value)}
            className="max-w-72"
          />
          <Button type="submit" look="primary" busy={busy} disabled={!name.trim()}>
            Make a key
          </Button>
        </form>
        {keys.length === 0 ? (
          <Empty icon={KeyRound} title="No key yet">
            With a key, scripts use the API, and any OpenAI client uses Muster as its base URL, with your budgets and
            caches.
          </Empty>
        ) : (
          <ul className="divide-y divide-line">
            {keys.map((key) => (
              <li key={key.id} className="flex min-h-12 items-center gap-3 px-3 py-1.5">
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-medium">{key.name}</span>
                  <span className="block truncate text-faint text-xs">
                    <code className="font-mono">{key.prefix}…</code> · made <Moment iso={key.createdAt} /> ·{" "}
                    {key.lastUsedAt ? (
                      <>
                        used <Moment iso={key.lastUsedAt} />
                      </>
                    ) : (
                      "never used"
                    )}
                  </span>
                </span>
                <IconButton label={`Revoke ${key.name}`} onClick={() => setRevoking(key)}>
                  <Trash2 aria-hidden className="size-4" />
                </IconButton>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {created && (
        <SecretOnce title="Your new key" secret={created.token} onClose={() => setCreated(null)}>
          Copy it now: it is stored as a hash and cannot be shown again.
        </SecretOnce>
      )}
      {revoking && (
        <Confirm
          title={`Revoke “${revoking.name}”?`}
          action="Revoke the key"
          onClose={() => setRevoking(null)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/api-keys/${revoking.id}`);
            await invalidate(client, "/api-keys");
            toastDone("Key revoked");
          }}
        >
          <p>Whatever uses it is refused from now on.</p>
        </Confirm>
      )}
    </>
  );
}
