"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { InstallationSettings, InstallationSettingsAnswer, UpdateSettingsBody } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Field, Input } from "../../components/ui/field.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure, Skeleton } from "../../components/ui/states.tsx";
import { apiSend, messageOf } from "../../lib/api.ts";
import { formatBytes, plural } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone } from "../../lib/toast.ts";

const longestDays = 3650;

/** How long what happened is kept whole, and the room it takes. */
export default function RetentionPart() {
  const me = useQuery(queries.me());
  const owner = me.data?.user.role === "owner";
  const { data, error, refetch } = useQuery({ ...queries.settings(), enabled: owner, staleTime: 5000 });
  if (me.data && !owner) {
    return (
      <Panel title="Retention">
        <p className="px-3 py-8 text-center text-muted">
          The owner of this installation decides how long journals are kept whole.
        </p>
      </Panel>
    );
  }
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton className="h-72 rounded-lg" />;
  return (
    <div className="flex flex-col gap-4">
      <JournalForm key={data.settings.journalDays} settings={data.settings} />
      <Sizes settings={data.settings} />
    </div>
  );
}

function JournalForm({ settings }: { settings: InstallationSettings }) {
  const client = useQueryClient();
  const [text, setText] = useState(String(settings.journalDays));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const days = Number(text);
  const valid = Number.isInteger(days) && days >= 1 && days <= longestDays;
  const put = async (journalDays: number) => {
    const body: UpdateSettingsBody = { journalDays };
    const answer = await apiSend<InstallationSettingsAnswer>("PATCH", "/api/v1/settings", body);
    client.setQueryData(queries.settings().queryKey, answer);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await put(days);
      toastDone("Saved", () => {
        put(settings.journalDays).catch((error: unknown) => setFailure(messageOf(error)));
      });
    } catch (error) {
      setFailure(messageOf(error));
    }
    setBusy(false);
  };
  return (
    <Panel title="Journals of executions">
      <form onSubmit={(event) => void save(event)} noValidate className="flex max-w-2xl flex-col gap-3 p-4">
        <p className="text-muted">
          While an execution runs, everything it does is written down, so that it survives a crash. After it ends this
          journal serves to look back: the answers of tools, the earlier states of files. When the time is over it is
          made smaller. Messages, results, files, steps and the bill always stay.
        </p>
        <Field
          label="Days after the end"
          htmlFor="journal-days"
          error={valid ? undefined : `A whole number from 1 to ${longestDays}.`}
          hint={
            days < settings.journalDays
              ? "What is made smaller does not come back. It is done within ten minutes, some at a time."
              : undefined
          }
        >
          <Input
            id="journal-days"
            type="number"
            inputMode="numeric"
            min={1}
            max={longestDays}
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="w-32"
          />
        </Field>
        {failure && (
          <p role="alert" className="text-bad">
            {failure}
          </p>
        )}
        <Button
          type="submit"
          look="primary"
          busy={busy}
          disabled={!valid || days === settings.journalDays}
          className="self-start"
        >
          Save
        </Button>
      </form>
    </Panel>
  );
}

function Sizes({ settings }: { settings: InstallationSettings }) {
  const { storage, executions } = settings;
  const rows: [name: string, bytes: number, note: string][] = [
    [
      "Journals",
      storage.journalBytes,
      `${plural(executions.total, "execution")}, ${executions.compacted.toLocaleString("en-US")} made smaller, ${executions.due.toLocaleString("en-US")} due`,
    ],
    ["Messages", storage.messageBytes, "Always kept"],
    ["Bills", storage.usageBytes, "Always kept"],
    ["Attachments", storage.attachmentBytes, "Until their task is deleted"],
    ["Whole database", storage.databaseBytes, "With indexes and everything else"],
  ];
  return (
    <Panel title="Room it takes">
      <table className="w-full text-left">
        <thead className="sr-only">
          <tr>
            <th scope="col">What</th>
            <th scope="col">Size</th>
            <th scope="col">How long</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map(([name, bytes, note]) => (
            <tr key={name}>
              <th scope="row" className="px-3 py-2 font-medium">
                {name}
              </th>
              <td className="tabular whitespace-nowrap px-3 py-2 text-right">{formatBytes(bytes)}</td>
              <td className="px-3 py-2 text-muted text-xs">{note}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
