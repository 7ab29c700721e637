"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { CirclePlus, Users } from "lucide-react";
import type { SquadStatus } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { buttonClass } from "../../components/ui/button.tsx";
import { Pagination } from "../../components/ui/pagination.tsx";
import { SearchField } from "../../components/ui/search-field.tsx";
import { Empty, Failure, Loading, Skeletons } from "../../components/ui/states.tsx";
import { type Tab, Tabs } from "../../components/ui/tabs.tsx";
import { queries } from "../../lib/queries.ts";
import { useSearchState } from "../../lib/use-route.ts";
import { SquadCard } from "./squad-card.tsx";

export const squadsPageSize = 24;
const grid = "grid grid-cols-[repeat(auto-fill,minmax(min(100%,18rem),1fr))] gap-3";
const tabs: Tab<"all" | SquadStatus>[] = [
  { name: "all", label: "All" },
  { name: "active", label: "Active" },
  { name: "paused", label: "Paused" },
  { name: "archived", label: "Archived" },
];

/** `/squads`: all squads as cards; search, filter, pages. */
export function SquadsPage() {
  const [parameters, setParameters] = useSearchState();
  const page = Math.max(1, Number(parameters.get("page")) || 1);
  const status = tabs.find((tab) => tab.name === parameters.get("status"))?.name ?? "all";
  const search = parameters.get("search") ?? "";
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...queries.squads({
      page,
      pageSize: squadsPageSize,
      ...(status === "all" ? {} : { status }),
      ...(search ? { search } : {}),
    }),
    placeholderData: keepPreviousData,
  });
  const filtered = search !== "" || status !== "all";
  return (
    <Page
      title="Squads"
      actions={
        <AppLink href="/squads/new" className={buttonClass("primary")}>
          <CirclePlus aria-hidden className="size-4" />
          New squad
        </AppLink>
      }
      toolbar={
        <>
          <SearchField
            label="Search squads by name"
            value={search}
            onChange={(value) => setParameters({ search: value, page: null })}
          />
          <Tabs
            label="Status"
            tabs={tabs}
            value={status}
            onChange={(name) => setParameters({ status: name === "all" ? null : name, page: null })}
          />
        </>
      }
    >
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Loading label="Loading squads" className={grid}>
          <Skeletons count={12} className="h-42 rounded-lg" />
        </Loading>
      ) : data.data.length === 0 ? (
        <Empty
          icon={Users}
          title={filtered ? "No squad matches" : "No squad yet"}
          action={
            !filtered && (
              <AppLink href="/squads/new" className={buttonClass("primary")}>
                Build the first squad
              </AppLink>
            )
          }
        >
          {filtered
            ? "Change the search or the status."
            : "A squad is a team of agents with a process and a budget. Start from a template; everything can be changed later."}
        </Empty>
      ) : (
        <div className={isPlaceholderData ? "opacity-60" : undefined}>
          <ul className={grid}>
            {data.data.map((squad) => (
              <SquadCard key={squad.id} squad={squad} />
            ))}
          </ul>
          <div className="mt-4">
            <Pagination
              page={data.page}
              pages={data.pages}
              total={data.total}
              noun="squad"
              onPage={(next) => setParameters({ page: next > 1 ? String(next) : null }, "push")}
            />
          </div>
        </div>
      )}
    </Page>
  );
}
