"use client";
import { useQuery } from "@tanstack/react-query";
import { FileText, ListTree, MessagesSquare, ReceiptText, ScrollText } from "lucide-react";
import { useState } from "react";
import type { Execution } from "#contracts";
import { Panel } from "../../components/ui/panel.tsx";
import { type Tab, Tabs } from "../../components/ui/tabs.tsx";
import { isTerminal } from "../../lib/execution-status.ts";
import type { ConnectionState } from "../../lib/follow-execution.ts";
import { queries } from "../../lib/queries.ts";
import { useAfterPaint } from "../../lib/use-after-paint.ts";
import { useMedia } from "../../lib/use-media.ts";
import { useSearchState } from "../../lib/use-route.ts";
import { CallsTab } from "./calls-tab.tsx";
import { FilesTab } from "./files-tab.tsx";
import { MessagesTab } from "./messages-tab.tsx";
import { PlanGraph } from "./plan-graph.tsx";
import { ResultTab } from "./result-tab.tsx";

/** The server, which draws the first view, does not know how wide the window is. */
const isServer = typeof window === "undefined";

type TabName = "messages" | "result" | "files" | "calls" | "plan";

/** The heart of the page: the plan beside what is said, made and paid. */
export default function ExecutionViewer({
  execution,
  connection,
}: {
  execution: Execution;
  connection: ConnectionState | null;
}) {
  const [search, setSearch] = useSearchState();
  const [selected, setSelected] = useState<string | null>(null);
  const over = isTerminal(execution.status);
  const painted = useAfterPaint();
  const files = useQuery({ ...queries.files(execution.id), enabled: over && painted });
  const tabs: Tab<TabName>[] = [
    { name: "messages", label: "Messages", icon: <MessagesSquare aria-hidden className="size-3.5" /> },
    { name: "result", label: "Result", icon: <ScrollText aria-hidden className="size-3.5" /> },
    {
      name: "files",
      label: "Files",
      icon: <FileText aria-hidden className="size-3.5" />,
      count: files.data?.data.length ?? null,
    },
    {
      name: "calls",
      label: "Calls",
      icon: <ReceiptText aria-hidden className="size-3.5" />,
      count: execution.totals.llmCalls,
    },
  ];
  const asked = search.get("tab");
  // On a wide window the plan stands beside the tabs, and is none of them.
  const planIsBeside = useMedia("(min-width: 64rem)");
  const tab: TabName =
    asked === "plan" && !planIsBeside ? "plan" : (tabs.find((one) => one.name === asked)?.name ?? "messages");
  const step = execution.steps.find((one) => one.id === selected) ?? null;
  const select = (stepId: string | null) => {
    setSelected(stepId);
    if (stepId && tab !== "calls") setSearch({ tab: null });
  };
  const plan =
    execution.steps.length > 0 ? (
      <PlanGraph steps={execution.steps} members={execution.squad.members} selected={selected} onSelect={select} />
    ) : (
      <p className="px-4 py-8 text-center text-muted">
        {over ? "It ended before there was a plan." : "The plan appears here as soon as it is made."}
      </p>
    );
  const onTab = (name: TabName) => setSearch({ tab: name === "messages" ? null : name });

  return (
    <div className="grid min-h-0 flex-1 grid-rows-[minmax(0,1fr)] gap-3 lg:grid-cols-[20rem_minmax(0,1fr)]">
      {(planIsBeside || isServer) && (
        <Panel title="Plan" className="hidden min-h-0 flex-col lg:flex">
          <div className="min-h-0 flex-1 overflow-y-auto">{plan}</div>
        </Panel>
      )}
      <Panel className="flex min-h-0 flex-col">
        <div className="shrink-0 border-line border-b px-1.5 py-1.5">
          <Tabs
            label="Parts of the execution"
            tabs={tabs}
            value={tab}
            onChange={onTab}
            controls="execution-part"
            className="hidden lg:flex"
          />
          <Tabs
            label="Parts of the execution"
            tabs={[
              ...tabs.slice(0, 1),
              { name: "plan", label: "Plan", icon: <ListTree aria-hidden className="size-3.5" /> },
              ...tabs.slice(1),
            ]}
            value={tab}
            onChange={onTab}
            controls="execution-part"
            className="lg:hidden"
          />
        </div>
        <div id="execution-part" role="tabpanel" aria-label={tab} className="flex min-h-0 flex-1 flex-col">
          {tab === "messages" && (
            <MessagesTab
              execution={execution}
              connection={connection}
              step={step}
              onClearStep={() => setSelected(null)}
            />
          )}
          {tab === "result" && <ResultTab execution={execution} />}
          {tab === "files" && <FilesTab execution={execution} over={over} />}
          {tab === "calls" && <CallsTab execution={execution} step={step} onClearStep={() => setSelected(null)} />}
          {tab === "plan" && <div className="min-h-0 flex-1 overflow-y-auto">{plan}</div>}
        </div>
      </Panel>
    </div>
  );
}
