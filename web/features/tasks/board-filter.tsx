import { SearchX } from "lucide-react";
import type { TaskPriority } from "#contracts";
import { Button } from "../../components/ui/button.tsx";
import { Select } from "../../components/ui/field.tsx";
import { SearchField } from "../../components/ui/search-field.tsx";
import { Empty } from "../../components/ui/states.tsx";
import { priorities } from "./priority.tsx";
import type { useBoardTasks } from "./use-board-tasks.ts";

/** What of a board is shown. */
export interface BoardFilter {
  search: string;
  priority: TaskPriority | "";
}

export const everything: BoardFilter = { search: "", priority: "" };

interface BoardFilterProps {
  filter: BoardFilter;
  onFilter: (filter: BoardFilter) => void;
  tasks: ReturnType<typeof useBoardTasks>;
}

const fieldId = "board-filter";

/** The line above a board: its filter, and what of it is not loaded. */
export function BoardFilterLine({ filter, onFilter, tasks }: BoardFilterProps) {
  return (
    <div className="mb-3 flex shrink-0 flex-wrap items-center gap-2">
      <div className="min-w-0 flex-1 sm:flex-none">
        <SearchField
          id={fieldId}
          label="Filter by words of the title"
          placeholder="Filter"
          value={filter.search}
          onChange={(search) => onFilter({ ...filter, search })}
        />
      </div>
      <Select
        aria-label="Priority"
        value={filter.priority}
        onChange={(event) => onFilter({ ...filter, priority: event.target.value as TaskPriority | "" })}
        className="w-auto"
      >
        <option value="">Any priority</option>
        {priorities.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </Select>
      {tasks.hasMore && (
        <>
          <Button busy={tasks.loadingMore} onClick={tasks.loadMore}>
            Load more tasks
          </Button>
          <span role="status" className="tabular text-muted text-xs">
            {notLoaded(tasks)}
          </span>
        </>
      )}
    </div>
  );
}

/** In place of the columns where the filter leaves nothing of what is loaded. */
export function NoTaskMatches({ onFilter, tasks }: Omit<BoardFilterProps, "filter">) {
  const clear = () => {
    onFilter(everything);
    // The button goes with what it stands in: the keyboard stays at the filter.
    document.getElementById(fieldId)?.focus();
  };
  return (
    <Empty icon={SearchX} title="No task matches" action={<Button onClick={clear}>Clear</Button>}>
      {tasks.hasMore ? `The filter covers what is loaded: ${notLoaded(tasks)}.` : "Change the words or the priority."}
    </Empty>
  );
}

function notLoaded({ total, data }: BoardFilterProps["tasks"]): string {
  const count = total - (data?.length ?? 0);
  return count === 1 ? "1 more task is not loaded" : `${count} more tasks are not loaded`;
}
