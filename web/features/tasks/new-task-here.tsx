"use client";
import { useQuery } from "@tanstack/react-query";
import { usePathname } from "next/navigation";
import { newTaskParameter } from "../../components/shell/new-task.ts";
import { queries } from "../../lib/queries.ts";
import { useSearchState } from "../../lib/use-route.ts";
import NewTaskDialog from "./new-task-dialog.tsx";
import { placeOf } from "./new-task-place.ts";

/** The dialog for a new task, over whatever page is open and with what that page says of it. */
export default function NewTaskHere() {
  const me = useQuery(queries.me());
  const place = placeOf(usePathname());
  const [, setParameters] = useSearchState();
  // It begins with the draft of who is signed in.
  if (me.isPending) return null;
  return (
    <NewTaskDialog
      {...place}
      userId={me.data?.user.id}
      onClose={() => setParameters({ [newTaskParameter]: null }, "back")}
      onLeft={() => setParameters({ [newTaskParameter]: null })}
    />
  );
}
