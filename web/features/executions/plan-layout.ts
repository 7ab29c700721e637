import type { ExecutionStep } from "#contracts";

export interface PlanNode {
  step: ExecutionStep;
  row: number;
  lane: number;
}

/** A dependency drawn from the row and lane of what is needed to those of what needs it. */
export interface PlanEdge {
  from: PlanNode;
  to: PlanNode;
}

export interface PlanLayout {
  nodes: PlanNode[];
  edges: PlanEdge[];
  lanes: number;
}

/**
 * Lays a plan out as rows with lanes, like a commit graph: steps stand below all they depend on (by depth, then in the
 * order of the plan); steps of one depth get lanes side by side. Dependencies on keys that are not there, and circles,
 * are ignored: a plan is shown whatever it says.
 */
export function layoutPlan(steps: ExecutionStep[]): PlanLayout {
  const needs = neededKeys(steps);
  const depths = depthsOf(needs);
  const ordered = [...steps].sort(
    (one, other) => (depths.get(one.key) ?? 0) - (depths.get(other.key) ?? 0) || one.ordinal - other.ordinal,
  );
  const used = new Map<number, number>();
  const nodes = ordered.map((step, row): PlanNode => {
    const depth = depths.get(step.key) ?? 0;
    const lane = used.get(depth) ?? 0;
    used.set(depth, lane + 1);
    // Beyond six lanes the drawing would be wider than the words.
    return { step, row, lane: lane % 6 };
  });
  const nodeByKey = new Map(nodes.map((node) => [node.step.key, node]));
  const edges = nodes.flatMap((to) =>
    withoutDetours(to.step.key, needs).flatMap((key) => {
      const from = nodeByKey.get(key);
      return from && from.row < to.row ? [{ from, to }] : [];
    }),
  );
  return { nodes, edges, lanes: Math.min(6, Math.max(1, ...used.values())) };
}

/**
 * What each step waits for: what it names, and what its kind implies. Work begins after the plan; the result is written
 * when all reviews are over.
 */
function neededKeys(steps: ExecutionStep[]): Map<string, string[]> {
  const known = new Set(steps.map((step) => step.key));
  const keysOf = (kind: ExecutionStep["kind"]) => steps.filter((step) => step.kind === kind).map((step) => step.key);
  const plans = keysOf("plan");
  const reviews = keysOf("review");
  return new Map(
    steps.map((step) => {
      const named = step.dependsOn.filter((key) => known.has(key) && key !== step.key);
      if (step.kind === "summary") return [step.key, [...new Set([...named, ...reviews])]];
      return [step.key, named.length === 0 && step.kind !== "plan" ? plans : named];
    }),
  );
}

function depthsOf(needs: Map<string, string[]>): Map<string, number> {
  const depths = new Map<string, number>();
  const path = new Set<string>();
  const depthOf = (key: string): number => {
    const known = depths.get(key);
    if (known !== undefined) return known;
    if (path.has(key)) return 0;
    path.add(key);
    const depth = Math.max(-1, ...(needs.get(key) ?? []).map(depthOf)) + 1;
    path.delete(key);
    depths.set(key, depth);
    return depth;
  };
  for (const key of needs.keys()) depthOf(key);
  return depths;
}

/** The needs of a step that no other need of it implies: lines that say nothing new are not drawn. */
function withoutDetours(key: string, needs: Map<string, string[]>): string[] {
  const direct = needs.get(key) ?? [];
  const implied = new Set<string>();
  const visit = (from: string) => {
    for (const need of needs.get(from) ?? []) {
      if (implied.has(need)) continue;
      implied.add(need);
      visit(need);
    }
  };
  for (const need of direct) visit(need);
  return direct.filter((need) => !implied.has(need));
}
