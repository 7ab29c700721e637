"use client";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2, UserRoundPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { CreatedInvitation, Invitation, InvitationPage, Person, PersonPage, User } from "#contracts";
import { Avatar } from "../../components/ui/avatar.tsx";
import { Button, IconButton } from "../../components/ui/button.tsx";
import Confirm from "../../components/ui/confirm.tsx";
import { Input } from "../../components/ui/field.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Failure, Skeleton } from "../../components/ui/states.tsx";
import { Badge } from "../../components/ui/status.tsx";
import { apiGet, apiSend, queryString } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { SecretOnce } from "./secret-once.tsx";

/** Who may use this installation. Each sees their own squads only. */
export default function PeoplePart() {
  const me = useQuery(queries.me());
  const owner = me.data?.user.role === "owner";
  const people = useInfiniteQuery({
    queryKey: ["/people"],
    queryFn: ({ pageParam, signal }) =>
      apiGet<PersonPage>(`/api/v1/people${queryString({ limit: 100, cursor: pageParam })}`, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    enabled: owner,
  });
  const shown = people.data?.pages.flatMap((page) => page.data) ?? [];
  if (me.data && !owner) {
    return (
      <Panel title="People">
        <p className="px-3 py-8 text-center text-muted">The owner of this installation invites and removes people.</p>
      </Panel>
    );
  }
  if (people.error && !people.data) return <Failure error={people.error} retry={() => void people.refetch()} />;
  if (!people.data || !me.data) return <Skeleton className="h-72 rounded-lg" />;
  return (
    <div className="flex flex-col gap-4">
      <Panel title={`People · ${shown.length}${people.hasNextPage ? " shown" : ""}`}>
        <ul className="divide-y divide-line">
          {shown.map((person) => (
            <PersonRow key={person.id} person={person} me={me.data.user} />
          ))}
        </ul>
        {people.hasNextPage && (
          <Button className="m-3" busy={people.isFetchingNextPage} onClick={() => void people.fetchNextPage()}>
            Show more people
          </Button>
        )}
      </Panel>
      <Invitations />
    </div>
  );
}

function PersonRow({ person, me }: { person: Person; me: User }) {
  const self = person.id === me.id;
  const client = useQueryClient();
  const [removing, setRemoving] = useState(false);
  return (
    <li className="flex min-h-13 items-center gap-3 px-3 py-1.5">
      <Avatar name={person.name} picture={self ? me.avatarKey : null} size={32} />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{person.name}</span>
        <span className="block truncate text-faint text-xs">
          {person.email} · joined <Moment iso={person.createdAt} />
        </span>
      </span>
      {person.role === "owner" && <Badge tone="accent">Owner</Badge>}
      <IconButton
        label={`Remove ${person.name}`}
        disabled={self || person.role === "owner"}
        onClick={() => setRemoving(true)}
      >
        <Trash2 aria-hidden className="size-4" />
      </IconButton>
      {removing && (
        <Confirm
          title={`Remove ${person.name}?`}
          action="Remove the person"
          onClose={() => setRemoving(false)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/people/${person.id}`);
            await invalidate(client, "/people");
            toastDone(`${person.name} removed`);
          }}
        >
          <p>Their squads, projects and executions are deleted with them. This cannot be undone.</p>
        </Confirm>
      )}
    </li>
  );
}

/** The invitations that were sent, newest first: a hundred, older ones on request. */
function useInvitations() {
  const query = useInfiniteQuery({
    queryKey: ["/invitations"],
    queryFn: ({ pageParam, signal }) =>
      apiGet<InvitationPage>(`/api/v1/invitations${queryString({ limit: 100, cursor: pageParam })}`, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    staleTime: 5000,
  });
  return { ...query, data: query.data?.pages.flatMap((page) => page.data) };
}

function Invitations() {
  const client = useQueryClient();
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useInvitations();
  const [email, setEmail] = useState("");
  const [busy, setBusy] = useState(false);
  const [withdrawing, setWithdrawing] = useState<Invitation | null>(null);
  const [created, setCreated] = useState<CreatedInvitation | null>(null);
  const open = data?.filter((invitation) => !invitation.acceptedAt) ?? [];
  const invite = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      setCreated(await apiSend<CreatedInvitation>("POST", "/api/v1/invitations", { email: email.trim() }));
      setEmail("");
      await invalidate(client, "/invitations");
    } catch (error) {
      toastError("Not invited", error);
    }
    setBusy(false);
  };
  return (
    <Panel title="Invitations">
      <form onSubmit={(event) => void invite(event)} className="flex gap-2 p-3">
        <Input
          type="email"
          aria-label="E-mail of whom to invite"
          placeholder="name@example.org"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          className="max-w-72"
        />
        <Button
          type="submit"
          look="primary"
          busy={busy}
          disabled={!email.includes("@")}
          icon={<UserRoundPlus aria-hidden className="size-4" />}
        >
          Invite
        </Button>
      </form>
      <p className="-mt-1 px-3 pb-3 text-faint text-xs">
        You get a link to send. Who opens it chooses a name and a password, and has squads, projects and spending apart
        from yours.
      </p>
      {error && !data && (
        <div className="border-line border-t">
          <Failure error={error} retry={() => void refetch()} />
        </div>
      )}
      {open.length > 0 && (
        <ul className="divide-y divide-line border-line border-t">
          {open.map((invitation) => (
            <li key={invitation.id} className="flex min-h-10 items-center gap-3 px-3">
              <span className="min-w-0 flex-1 truncate">{invitation.email}</span>
              <span className="text-faint text-xs">
                runs out <Moment iso={invitation.expiresAt} />
              </span>
              <IconButton
                label={`Withdraw the invitation of ${invitation.email}`}
                onClick={() => setWithdrawing(invitation)}
              >
                <Trash2 aria-hidden className="size-4" />
              </IconButton>
            </li>
          ))}
        </ul>
      )}
      {hasNextPage && (
        <Button className="m-3" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show older invitations
        </Button>
      )}
      {withdrawing && (
        <Confirm
          title={`Withdraw the invitation of ${withdrawing.email}?`}
          action="Withdraw it"
          onClose={() => setWithdrawing(null)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/invitations/${withdrawing.id}`);
            await invalidate(client, "/invitations");
            toastDone("Invitation withdrawn");
          }}
        >
          <p>Its link no longer works, and cannot be shown again: to let them in later, invite them anew.</p>
        </Confirm>
      )}
      {created && (
        <SecretOnce
          title={`Invitation for ${created.invitation.email}`}
          secret={`${window.location.origin}/join?token=${encodeURIComponent(created.token)}`}
          onClose={() => setCreated(null)}
        >
          Send this link yourself: Muster sends no mail. It is shown this once and works once.
        </SecretOnce>
      )}
    </Panel>
  );
}
