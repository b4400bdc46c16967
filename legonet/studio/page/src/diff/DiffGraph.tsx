import type { DiffEntry, State } from "../api/types";

/** The network in small, what differs in colour: green is new, orange is changed, red is gone. */
export function DiffGraph({ state, entries }: { state: State; entries: DiffEntry[] }) {
  const of = (section: string, name: string) => entries.find((entry) => entry.section === section && entry.name === name)?.change ?? "same";
  const gone = (section: string) => entries.filter((entry) => entry.section === section && entry.change === "removed").map((entry) => entry.name);
  const categories = [...state.categories.map((each) => each.name), ...gone("categories")];
  const tasks = [...state.tasks.map((each) => each.name), ...gone("tasks")];
  const teachersOf = new Map(state.teachers.map((each) => [`${each.category}:${each.task}`, each.name]));
  const paths = [...new Set([...state.edges.map((edge) => edge.path), ...gone("adapters")])];
  const high = Math.max(categories.length, tasks.length) * 34 + 12;
  const row = (names: string[], name: string) => 6 + ((names.indexOf(name) + 0.5) * (high - 12)) / names.length;
  const change = (path: string) => {
    const own = of("adapters", path);
    if (own !== "same") return own;
    const edge = state.edges.find((each) => each.path === path);
    if (edge && !edge.connected) return "removed";
    return of("teachers", teachersOf.get(path) ?? "");
  };
  if (paths.length > 400) return null;
  return (
    <svg class="diff-graph" viewBox={`0 0 460 ${high}`} role="img" aria-label="The network; what differs is coloured">
      {paths.map((path) => {
        const [category = "", task = ""] = path.split(":");
        if (!categories.includes(category) || !tasks.includes(task)) return null;
        const [from, to] = [row(categories, category), row(tasks, task)];
        return (
          <path key={path} class={`line change-${change(path)}`} d={`M120,${from} C230,${from} 230,${to} 340,${to}`}>
            <title>{path}</title>
          </path>
        );
      })}
      {categories.map((name) => (
        <Box key={name} x={4} y={row(categories, name)} name={name} change={of("categories", name)} kind="category" />
      ))}
      {tasks.map((name) => (
        <Box key={name} x={340} y={row(tasks, name)} name={name} change={of("tasks", name)} kind="task" />
      ))}
    </svg>
  );
}

function Box({ x, y, name, change, kind }: { x: number; y: number; name: string; change: string; kind: string }) {
  return (
    <g class={`box ${kind} change-${change}`}>
      <rect x={x} y={y - 12} width={116} height={24} rx={5} />
      <text x={x + 58} y={y + 4} text-anchor="middle">
        {name.length > 16 ? `${name.slice(0, 15)}…` : name}
      </text>
    </g>
  );
}
