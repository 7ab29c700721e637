"use client";
import {
  type Announcements,
  DndContext,
  type DragEndEvent,
  DragOverlay,
  MouseSensor,
  TouchSensor,
  type UniqueIdentifier,
  useDroppable,
  useSensor,
  useSensors,
} from "@dnd-kit/core";
import { SortableContext, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { ListChecks } from "lucide-react";
import { useMemo, useState } from "react";
import type { SquadListItem, TaskListItem, TaskStatus } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Empty, Failure } from "../../components/ui/states.tsx";
import { StatusIcon, statusLabel } from "../../components/ui/status.tsx";
import { PromptKeyboardSensor } from "../../lib/prompt-keyboard-sensor.ts";
import { queries } from "../../lib/queries.ts";
import { boardCollision, boardCoordinates } from "./board-collision.ts";
import { BoardFilterLine, everything, NoTaskMatches } from "./board-filter.tsx";
import { boardColumns, positionAt, tasksByStatus } from "./board-order.ts";
import { BoardSkeleton } from "./board-skeleton.tsx";
import { SortableTaskCard, TaskCard } from "./task-card.tsx";
import { useBoardTasks } from "./use-board-tasks.ts";
import { useMoveTask } from "./use-move-task.ts";

interface BoardProps {
  projectId: string;
  onOpen: (taskId: string) => void;
  onCreate: () => void;
}

/** Tasks by status; drag them, or move them with the keyboard. Moves show at once and can be undone. */
export default function Board({ projectId, onOpen, onCreate }: BoardProps) {
  const tasks = useBoardTasks(projectId);
  const squads = useQuery(queries.allSquads());
  const moveTask = useMoveTask(projectId);
  const [filter, setFilter] = useState(everything);
  const [dragged, setDragged] = useState<TaskListItem | null>(null);
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 6 } }),
    // A finger that moves at once scrolls; one that rests first lifts the card.
    useSensor(TouchSensor, { activationConstraint: { delay: 200, tolerance: 8 } }),
    useSensor(PromptKeyboardSensor, {
      coordinateGetter: boardCoordinates,
      keyboardCodes: { start: ["Space"], end: ["Space", "Enter"], cancel: ["Escape"] },
    }),
  );
  const squadById = useMemo(() => new Map((squads.data ?? []).map((squad) => [squad.id, squad])), [squads.data]);
  const { priority } = filter;
  const words = filter.search.trim().toLowerCase();
  const shown = useMemo(
    () =>
      (tasks.data ?? []).filter(
        (task) => (!priority || task.priority === priority) && (!words || task.title.toLowerCase().includes(words)),
      ),
    [tasks.data, priority, words],
  );
  const columns = useMemo(() => tasksByStatus(shown), [shown]);

  if (tasks.error && !tasks.data) return <Failure error={tasks.error} retry={tasks.refetch} />;
  if (!tasks.data) return <BoardSkeleton />;
  if (tasks.data.length === 0) {
    return (
      <Empty
        icon={ListChecks}
        title="No task yet"
        action={
          <Button look="primary" onClick={onCreate}>
            Write the first task
          </Button>
        }
      >
        A task says what you want. A squad runs it; you watch, and get the result.
      </Empty>
    );
  }

  const drop = ({ active, over }: DragEndEvent) => {
    setDragged(null);
    const task = shown.find((one) => one.id === active.id);
    if (!task || !over || over.id === active.id) return;
    const overTask = shown.find((one) => one.id === over.id);
    const status = overTask?.status ?? boardColumns.find((column) => column === over.id);
    if (!status) return;
    const position = positionAt(columns[status], task, overTask ?? null);
    if (status !== task.status || position !== task.position) moveTask(task, { status, position });
  };

  return (
    <>
      <BoardFilterLine filter={filter} onFilter={setFilter} tasks={tasks} />
      {shown.length === 0 ? (
        <NoTaskMatches onFilter={setFilter} tasks={tasks} />
      ) : (
        <DndContext
          sensors={sensors}
          collisionDetection={boardCollision}
          // As fast as the library would have it, a board on a phone runs past three columns before one can let go.
          autoScroll={{ acceleration: 4 }}
          onDragStart={({ active }) => setDragged(shown.find((one) => one.id === active.id) ?? null)}
          onDragCancel={() => setDragged(null)}
          onDragEnd={drop}
          accessibility={{
            announcements: announcementsOf(shown),
            screenReaderInstructions: {
              draggable:
                "Press Space to pick the task up, the arrows to move it, Space to put it down, Escape to leave it.",
            },
          }}
        >
          {/* All tracks are there from the first: columns that come one by one with a slow document move none of the others. */}
          <div
            className={clsx(
              "-mx-4 relative flex min-h-0 flex-1 scroll-px-4 gap-3 overflow-x-auto px-4 pb-1 md:-mx-6 md:scroll-px-6 md:px-6 lg:grid lg:grid-rows-[minmax(0,1fr)]",
              // It would pull the board back from the small steps in which it follows a dragged card.
              !dragged && "snap-x",
            )}
            style={{ gridTemplateColumns: `repeat(${boardColumns.length}, minmax(11.5rem, 1fr))` }}
          >
            {boardColumns.map((status) => (
              <Column key={status} status={status} tasks={columns[status]} squadById={squadById} onOpen={onOpen} />
            ))}
          </div>
          <DragOverlay>
            {dragged && <TaskCard task={dragged} squad={squadById.get(dragged.squadId ?? "")} lifted />}
          </DragOverlay>
        </DndContext>
      )}
    </>
  );
}

/** What a screen reader is told while a task is moved: its title and the column, where the library would read out ids. */
function announcementsOf(tasks: readonly TaskListItem[]): Announcements {
  const title = (id: UniqueIdentifier) => tasks.find((task) => task.id === id)?.title ?? "The task";
  const place = (id: UniqueIdentifier | undefined) => {
    const status = tasks.find((task) => task.id === id)?.status ?? boardColumns.find((column) => column === id);
    return status ? statusLabel(status) : "no column";
  };
  return {
    onDragStart: ({ active }) => `Picked up: ${title(active.id)}.`,
    onDragOver: ({ active, over }) => `${title(active.id)} is over ${place(over?.id)}.`,
    onDragEnd: ({ active, over }) => `${title(active.id)} was put down in ${place(over?.id)}.`,
    onDragCancel: ({ active }) => `${title(active.id)} stays where it was.`,
  };
}

interface ColumnProps {
  status: TaskStatus;
  tasks: TaskListItem[];
  squadById: Map<string, SquadListItem>;
  onOpen: (taskId: string) => void;
}

function Column({ status, tasks, squadById, onOpen }: ColumnProps) {
  const { setNodeRef, isOver } = useDroppable({ id: status });
  return (
    <section
      aria-label={`${statusLabel(status)}, ${tasks.length}`}
      className="flex min-h-0 w-[85vw] shrink-0 snap-start flex-col sm:w-72 lg:w-auto"
    >
      <h2 className="flex h-8 shrink-0 items-center gap-2 px-1 font-medium">
        <StatusIcon status={status} named={false} className={status === "in_progress" ? "animate-none" : ""} />
        {statusLabel(status)}
        <span className="tabular text-faint text-xs">{tasks.length}</span>
      </h2>
      <div
        ref={setNodeRef}
        className={`min-h-0 flex-1 overflow-y-auto rounded-lg p-1 ${isOver ? "bg-accent-soft/60" : "bg-hover/45"}`}
      >
        <SortableContext id={status} items={tasks.map((task) => task.id)} strategy={verticalListSortingStrategy}>
          <ul className="flex min-h-16 flex-col gap-1.5">
            {tasks.map((task) => (
              <SortableTaskCard key={task.id} task={task} squad={squadById.get(task.squadId ?? "")} onOpen={onOpen} />
            ))}
          </ul>
        </SortableContext>
      </div>
    </section>
  );
}
