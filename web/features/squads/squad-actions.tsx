"use client";
import { useQueryClient } from "@tanstack/react-query";
import { Archive, CirclePause, CirclePlay, Ellipsis, MessageSquare, Trash2 } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { Squad, SquadAnswer, SquadStatus } from "#contracts";
import { buttonClass } from "../../components/ui/button.tsx";
import { Menu, type MenuItem } from "../../components/ui/menu.tsx";
import { apiSend } from "../../lib/api.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { queries } from "../../lib/queries.ts";
import { toastDone, toastError } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";
import { squadDraft } from "./draft.ts";

const Confirm = dynamic(() => import("../../components/ui/confirm.tsx"), { ssr: false });
const doneWords: Record<SquadStatus, string> = {
  active: "Active again",
  paused: "Paused: it takes no new task",
  archived: "Archived",
};

/** What can be done with a squad as a whole. Changes of status can be undone; deleting asks. */
export function SquadActions({ squad }: { squad: Squad }) {
  const client = useQueryClient();
  const go = useGo();
  const [deleting, setDeleting] = useState(false);

  const setStatus = async (status: SquadStatus, undoable = true) => {
    const before = squad.status;
    try {
      const answer = await apiSend<SquadAnswer>("PATCH", `/api/v1/squads/${squad.id}`, { status });
      client.setQueryData(queries.squad(squad.id).queryKey, answer);
      void client.invalidateQueries({ queryKey: ["/squads"] });
      void invalidate(client, "/dashboard");
      toastDone(doneWords[status], undoable ? () => void setStatus(before, false) : undefined);
    } catch (error) {
      toastError("The squad was not changed", error);
    }
  };
  const items: MenuItem[] = [
    {
      label: "Chat with its lead",
      icon: <MessageSquare aria-hidden className="size-4 text-faint" />,
      run: () => go(`/chat?squad=${squad.id}`),
    },
    squad.status === "active"
      ? {
          label: "Pause",
          icon: <CirclePause aria-hidden className="size-4 text-faint" />,
          run: () => void setStatus("paused"),
        }
      : {
          label: "Make active",
          icon: <CirclePlay aria-hidden className="size-4 text-faint" />,
          run: () => void setStatus("active"),
        },
    ...(squad.status === "archived"
      ? []
      : [
          {
            label: "Archive",
            icon: <Archive aria-hidden className="size-4 text-faint" />,
            run: () => void setStatus("archived"),
          },
        ]),
    {
      label: "Delete",
      icon: <Trash2 aria-hidden className="size-4" />,
      danger: true,
      divided: true,
      run: () => setDeleting(true),
    },
  ];
  return (
    <>
      <Menu
        label="More about this squad"
        trigger={<Ellipsis aria-hidden className="size-4" />}
        items={items}
        align="end"
        className={buttonClass("secondary")}
      />
      {deleting && (
        <Confirm
          title={`Delete “${squad.name}”?`}
          action="Delete the squad"
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await apiSend("DELETE", `/api/v1/squads/${squad.id}`);
            squadDraft(client, squad.id).forget();
            client.removeQueries({ queryKey: queries.squad(squad.id).queryKey });
            await invalidate(client, "/squads", "/dashboard");
            toastDone("Squad deleted");
            go("/squads");
          }}
        >
          <p>
            Its members go with it and this cannot be undone. What it did stays: executions, their messages and what
            they cost.
          </p>
        </Confirm>
      )}
    </>
  );
}
