"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CirclePlus, Plug, Trash2 } from "lucide-react";
import { useState } from "react";
import type { ProviderAccount, ProviderAccountAnswer, ProviderAccountTest } from "#contracts";
import { Button, IconButton } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Skeleton } from "../../components/ui/states.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { formatDuration, plural } from "../../lib/format.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import AccountDialog from "./account-dialog.tsx";
import { providerNames } from "./provider-names.ts";

/** Where models come from: each account with a test, a switch and its limits. */
export default function AccountsPart() {
  const { data, error, refetch } = useQuery(queries.providerAccounts());
  const [editing, setEditing] = useState<ProviderAccount | "new" | null>(null);
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="h-72 rounded-lg" />;
  return (
    <>
      <Panel
        title="Provider accounts"
        action={
          <Button small icon={<CirclePlus aria-hidden className="size-3.5" />} onClick={() => setEditing("new")}>
            Add an account
          </Button>
        }
      >
        {data.data.length === 0 ? (
          <Empty
            icon={Plug}
            title="No account of your own"
            action={
              <Button look="primary" onClick={() => setEditing("new")}>
                Add an account
              </Button>
            }
          >
            Add a key of OpenAI, Anthropic or Google, or the address of any OpenAI-compatible server. Until then squads
            use what the installation offers, at least the built-in offline model.
          </Empty>
        ) : (
          <ul className="divide-y divide-line">
            {data.data.map((account) => (
              <AccountRow key={account.id} account={account} onEdit={() => setEditing(account)} />
            ))}
          </ul>
        )}
      </Panel>
      <p className="mt-2 text-faint text-xs">Keys are encrypted before they are stored and never shown again.</p>
      {editing && <AccountDialog account={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
    </>
  );
}

function AccountRow({ account, onEdit }: { account: ProviderAccount; onEdit: () => void }) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [result, setResult] = useState<ProviderAccountTest | null>(null);
  const path = `/api/v1/provider-accounts/${account.id}`;
  const refresh = () => invalidate(client, "/provider-accounts", "/models");
  const test = async () => {
    setBusy(true);
    try {
      setResult(await apiSend<ProviderAccountTest>("POST", `${path}/test`));
    } catch (error) {
      setResult({ ok: false, latencyMs: 0, models: [], error: messageOf(error) });
    }
    setBusy(false);
  };
  const toggle = async () => {
    try {
      await apiSend<ProviderAccountAnswer>("PATCH", path, { enabled: !account.enabled });
      await refresh();
    } catch (error) {
      toastError("The account was not changed", error);
    }
  };
  return (
    <li className="px-3 py-2.5">
      <div className="flex flex-wrap items-center gap-2">
        <span className="min-w-0 flex-1 basis-56">
          <span className="flex items-center gap-2">
            <span className="truncate font-medium">{account.name}</span>
            {!account.enabled && <Badge>Off</Badge>}
          </span>
          <span className="block truncate text-faint text-xs">
            {[
              providerNames[account.kind],
              account.baseUrl,
              account.hasKey ? `key ending in ${account.keyHint ?? "…"}` : "no key",
              account.requestsPerMinute ? `${plural(account.requestsPerMinute, "request")} a minute` : null,
            ]
              .filter(Boolean)
              .join(" · ")}
          </span>
        </span>
        <span className="flex items-center gap-2">
          <Button small busy={busy} onClick={() => void test()}>
            Test
          </Button>
          <Button small onClick={() => void toggle()}>
            {account.enabled ? "Turn off" : "Turn on"}
          </Button>
          <Button small onClick={onEdit}>
            Edit
          </Button>
          <IconButton label={`Delete ${account.name}`} onClick={() => setDeleting(true)}>
            <Trash2 aria-hidden className="size-4" />
          </IconButton>
        </span>
      </div>
      {result && (
        <p role="status" className={`mt-1.5 text-xs ${result.ok ? "text-good" : "text-bad"}`}>
          {result.ok
            ? `It answers in ${formatDuration(result.latencyMs)} and offers ${plural(result.models.length, "model")}.`
            : result.error}
        </p>
      )}
      {deleting && (
        <Confirm
          title={`Delete “${account.name}”?`}
          action="Delete the account"
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await apiSend("DELETE", path);
            await refresh();
            toastDone("Account deleted");
          }}
        >
          <p>Members whose model only this account offers cannot work until another one offers it.</p>
        </Confirm>
      )}
    </li>
  );
}
