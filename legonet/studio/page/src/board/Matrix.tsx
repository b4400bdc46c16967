import { useRef, useState } from "preact/hooks";
import type { Edge, State, Target } from "../api/types";
import { MEANING, percent, plain } from "../words";
import type { Chosen } from "./Board";
import type { Shown } from "./flow";

interface Props {
  state: State;
  shown: Shown;
  targets: Map<string, Target>;
  choose: (chosen: Chosen) => void;
  connect: (path: string) => Promise<void>;
}

/** All pairs of a large network: a row for each category, a column for each task; arrow keys go from cell to cell. */
export function Matrix({ state, shown, targets, choose, connect }: Props) {
  const edges = new Map(state.edges.map((edge) => [edge.path, edge]));
  const rows = state.categories.filter((category) => !shown.faded("category", category.name));
  const columns = state.tasks.filter((task) => !shown.faded("task", task.name));
  const [[row, column], stand] = useState<[number, number]>([0, 0]);
  const grid = useRef<HTMLTableElement>(null);
  const moved = (event: KeyboardEvent) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const next: [number, number] = [
      Math.max(0, Math.min(rows.length - 1, row + step[0]!)),
      Math.max(0, Math.min(columns.length - 1, column + step[1]!)),
    ];
    stand(next);
    grid.current?.querySelector<HTMLElement>(`[data-at="${next[0]},${next[1]}"]`)?.focus();
  };
  if (!rows.length || !columns.length) return <p class="waiting">No category and task of this name.</p>;
  return (
    <div class="matrix-place">
      <table class="matrix" role="grid" ref={grid} onKeyDown={moved} aria-label="Connections">
        <thead>
          <tr>
            <th class="corner" scope="col">
              category
            </th>
            {columns.map((task) => (
              <th key={task.name} scope="col" class={shown.selected === `task:${task.name}` ? "selected" : ""}>
                <button data-id={`task:${task.name}`} onClick={() => choose(`task:${task.name}`)}>{task.name}</button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((category, y) => (
            <tr key={category.name}>
              <th scope="row" class={shown.selected === `category:${category.name}` ? "selected" : ""}>
                <button data-id={`category:${category.name}`} onClick={() => choose(`category:${category.name}`)}>{category.name}</button>
              </th>
              {columns.map((task, x) => {
                const path = `${category.name}:${task.name}`;
                const edge = edges.get(path);
                const target = targets.get(path);
                return (
                  <td key={task.name} class={shown.selected === path ? "selected" : ""}>
                    <button
                      data-at={`${y},${x}`}
                      data-id={path}
                      tabIndex={y === Math.min(row, rows.length - 1) && x === Math.min(column, columns.length - 1) ? 0 : -1}
                      class={classOf(edge, target)}
                      style={shown.colours.has(path) ? { "--mark": shown.colours.get(path)! } : undefined}
                      aria-label={`${category.name} to ${task.name}: ${edge ? MEANING[edge.state] : "not connected"}`}
                      title={plain(edge?.reason || target?.message || (edge ? MEANING[edge.state] : "Connect"))}
                      onFocus={() => stand([y, x])}
                      onClick={() => void (edge ? choose(path) : !state.read_only && connect(path))}
                    >
                      {edge ? said(edge) : "+"}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function said(edge: Edge): string {
  const figure = edge.agreement === null ? "fitted" : percent(edge.agreement, 0);
  return { built: figure, weak: `! ${figure}`, native: "as it is", planned: "to fit", refit: "again", removed: "goes", open: "open" }[edge.state];
}

function classOf(edge: Edge | undefined, target: Target | undefined): string {
  if (edge) return `cell state-${edge.state}`;
  return `cell none ${target ? (target.legal ? "legal" : "illegal") : ""}`;
}
