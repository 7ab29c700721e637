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
  const byKey = new Map(steps.map((step) => [step.key, step]));
  const depths = new Map<string, number>();
  const depthOf = (step: ExecutionStep, path: Set<string>): number => {
    const known = depths.get(step.key);
    if (known !== undefined) return known;
    if (path.has(step.key)) return 0;
    path.add(step.key);
    let depth = 0;
    for (const key of step.dependsOn) {
      const needed = byKey.get(key);
      if (needed) depth = Math.max(depth, depthOf(needed, path) + 1);
    }
    path.delete(step.key);
    depths.set(step.key, depth);
    return depth;
  };

  const ordered = steps
    .map((step) => ({ step, depth: depthOf(step, new Set()) }))
    .sort((one, other) => one.depth - other.depth || one.step.ordinal - other.step.ordinal);
  const used = new Map<number, number>();
  const nodes = ordered.map(({ step, depth }, row): PlanNode => {
    const lane = used.get(depth) ?? 0;
    used.set(depth, lane + 1);
    // Beyond six lanes the drawing would be wider than the words.
    return { step, row, lane: lane % 6 };
  });
  const nodeByKey = new Map(nodes.map((node) => [node.step.key, node]));
  const edges = nodes.flatMap((to) =>
    to.step.dependsOn.flatMap((key) => {
      const from = nodeByKey.get(key);
      return from && from.row < to.row ? [{ from, to }] : [];
    }),
  );
  return { nodes, edges, lanes: Math.min(6, Math.max(1, ...used.values())) };
}
