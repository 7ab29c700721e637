/** How much is seeded. Users, squads and tasks carry numbers from 0; `Scale` says which belongs to which. */
export interface Scale {
  users: number;
  squads: number;
  membersPerSquad: number;
  /** Squads of the same user that share a project. */
  squadsPerProject: number;
  tasks: number;
  executions: number;
  messages: number;
  /** Messages of execution 0, which is long; the others share the rest evenly. */
  longestMessages: number;
  /** The first users have `manySquads` each, the others `fewSquads`: lists of one page and of several. */
  usersWithMany: number;
  manySquads: number;
  fewSquads: number;
}

/** One user with enough to look around. */
export const demoScale: Scale = {
  users: 1,
  squads: 3,
  membersPerSquad: 5,
  squadsPerProject: 2,
  tasks: 12,
  executions: 6,
  messages: 90,
  longestMessages: 15,
  usersWithMany: 1,
  manySquads: 3,
  fewSquads: 3,
};

const messagesPerExecution = 100;

/** The load of the performance targets: 1,000 users, 5,000 squads, 25,000 members, 20,000 tasks, and so many messages. */
export function loadScale(messages: number): Scale {
  const executions = Math.min(20_000, Math.max(2, Math.ceil(messages / messagesPerExecution)));
  return {
    users: 1_000,
    squads: 5_000,
    membersPerSquad: 5,
    squadsPerProject: 2,
    tasks: 20_000,
    executions,
    messages,
    longestMessages: Math.max(1, Math.floor(messages / 10)),
    usersWithMany: 100,
    manySquads: 23,
    fewSquads: 3,
  };
}
