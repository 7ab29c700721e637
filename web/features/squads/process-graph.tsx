import type { SquadProcess } from "#contracts";
import { avatarHue, initials } from "../../lib/avatar.ts";
import type { MemberForm } from "./squad-form.ts";

interface Node {
  x: number;
  y: number;
  member: MemberForm;
  key: string;
}

const width = 272;
const height = 104;
const radius = 11;
const mostShown = 5;

/** The process as a small graph of this squad's own members. */
export function ProcessGraph({
  process,
  members,
  lead,
}: {
  process: SquadProcess;
  members: MemberForm[];
  lead: number;
}) {
  const { nodes, edges } = layout(process, members, lead);
  if (nodes.length === 0) return <div className="my-2 h-26 rounded-md border border-line border-dashed" />;
  return (
    <svg aria-hidden="true" viewBox={`0 0 ${width} ${height}`} className="my-2 h-26 w-full rounded-md bg-canvas">
      {edges.map(([from, to]) => (
        <path
          key={`${from.key}>${to.key}`}
          d={`M${from.x + radius} ${from.y}C${(from.x + to.x) / 2} ${from.y} ${(from.x + to.x) / 2} ${to.y} ${to.x - radius} ${to.y}`}
          fill="none"
          stroke="var(--line-strong)"
          strokeWidth="1.5"
        />
      ))}
      {nodes.map((node) => (
        <g key={node.key}>
          <circle cx={node.x} cy={node.y} r={radius} fill={`oklch(0.58 0.095 ${avatarHue(node.member.role)})`} />
          <text
            x={node.x}
            y={node.y + 0.5}
            textAnchor="middle"
            dominantBaseline="central"
            fontSize="8.5"
            fontWeight="600"
            fill="#fff"
          >
            {initials(node.member.name)}
          </text>
        </g>
      ))}
    </svg>
  );
}

function layout(process: SquadProcess, members: MemberForm[], lead: number): { nodes: Node[]; edges: [Node, Node][] } {
  const head = members[lead];
  if (!head) return { nodes: [], edges: [] };
  const middle = height / 2;
  if (process === "sequential") {
    const shown = members.slice(0, 7);
    const nodes = shown.map((member, index) => ({
      member,
      key: `m${index}`,
      x: spread(index, shown.length, 24, width - 24),
      y: middle,
    }));
    return { nodes, edges: nodes.slice(1).flatMap((node, index) => (nodes[index] ? [[nodes[index], node]] : [])) };
  }
  const workers = members.filter((_, index) => index !== lead).slice(0, mostShown);
  const end: Node = { member: head, key: "end", x: width - 30, y: middle };
  const work = (workers.length > 0 ? workers : [head]).map((member, index, all) => ({
    member,
    key: `w${index}`,
    x: process === "lead" ? width / 2 : 60,
    y: spread(index, all.length, 14, height - 14),
  }));
  if (process === "parallel") return { nodes: [...work, end], edges: work.map((node) => [node, end]) };
  const start: Node = { member: head, key: "start", x: 30, y: middle };
  return {
    nodes: [start, ...work, end],
    edges: work.flatMap((node): [Node, Node][] => [
      [start, node],
      [node, end],
    ]),
  };
}

function spread(index: number, count: number, from: number, to: number): number {
  return count === 1 ? (from + to) / 2 : from + ((to - from) * index) / (count - 1);
}
