/** The network as nodes and edges of the canvas: places come from legonet's own layout. */

import { Position, type Edge as FlowEdge, type Node as FlowNode } from "@xyflow/react";
import type { Category, Edge, State, Task } from "../api/types";
import { MEANING } from "../words";

export const MATRIX_FROM = 60;
const SIMPLE_FROM = 150;

export interface CategoryData extends Record<string, unknown> {
  brick: Category;
  aim: Aim;
  faded: boolean;
}
export interface TaskData extends Record<string, unknown> {
  brick: Task;
  aim: Aim;
  faded: boolean;
}
export interface PathData extends Record<string, unknown> {
  edge: Edge;
  colour: string | null;
  faded: boolean;
}
/** Whether a brick takes what is dragged: nothing is dragged, it starts here, it may end here, or not. */
export type Aim = "" | "from" | "legal" | "illegal";

export type BoardNode =
  | FlowNode<CategoryData, "category">
  | FlowNode<TaskData, "task">
  | FlowNode<PathData, "path">;

export interface WireData extends Record<string, unknown> {
  state: string;
  colour: string | null;
  faded: boolean;
  /** How far below the middle of its end the wire arrives. */
  shift: number;
}
export type Wire = FlowEdge<WireData, "wire">;

export interface Shown {
  aims: Map<string, Aim>;
  colours: Map<string, string>;
  faded: (kind: "category" | "task" | "path", name: string) => boolean;
  selected: string | null;
}

const SIZE = { category: [150, 62], task: [150, 62], path: [132, 40] } as const;

function node(id: string, type: "category" | "task" | "path", at: { x: number; y: number }, high?: number): Omit<FlowNode, "data"> {
  const [width, least] = SIZE[type];
  const height = Math.max(least, high ?? 0);
  const place = { x: 0, y: 0, width, height };
  const handles = [
    ...(type === "category" ? [] : [{ type: "target" as const, position: Position.Left, ...place }]),
    ...(type === "task" ? [] : [{ type: "source" as const, position: Position.Right, ...place }]),
  ];
  const position = { x: at.x - width / 2, y: at.y - height / 2 };
  // Sizes are given, so that nothing has to be measured: thousands of wires stay fluid.
  return { id, type, position, width, height, measured: { width, height }, handles };
}

/** The places of all bricks, wide enough for them: the columns of the layout are kept, their distances grow. */
function places(state: State): Places {
  const large = state.edges.length > SIMPLE_FROM;
  const scale = large ? closer(state) : 1.35;
  const far = large ? Math.max(1.35, state.categories.length / 10) : 1.35; // wires of a tall board need room
  const at = (key: string) => {
    const { x, y } = state.layout[key] ?? { x: 0, y: 0 };
    return { x: x * far, y: y * scale };
  };
  const high = (key: string) => (state.layout[key]?.height ?? 0) * scale;
  return { at, high };
}

interface Places {
  at: (key: string) => { x: number; y: number };
  high: (key: string) => number;
}

/** Where no adapters are drawn, categories stand close below each other. */
function closer(state: State): number {
  const rows = state.categories.map((each) => state.layout[`category:${each.name}`]?.y ?? 0).sort((a, b) => a - b);
  const gaps = rows.slice(1).map((y, at) => y - rows[at]!).filter((gap) => gap > 0);
  return gaps.length ? 80 / Math.min(...gaps) : 1;
}

export function nodesOf(state: State, shown: Shown): BoardNode[] {
  const { at, high } = places(state);
  const chosen = (id: string) => ({ selected: shown.selected === id });
  const found: BoardNode[] = [];
  for (const brick of state.categories) {
    const id = `category:${brick.name}`;
    const data = { brick, aim: shown.aims.get(id) ?? "", faded: shown.faded("category", brick.name) };
    const ariaLabel = `Category ${brick.name}, ${brick.caption}`;
    found.push({ ...node(id, "category", at(id)), ...chosen(id), ariaLabel, data } as BoardNode);
  }
  for (const brick of state.tasks) {
    const id = `task:${brick.name}`;
    const data = { brick, aim: shown.aims.get(id) ?? "", faded: shown.faded("task", brick.name) };
    const ariaLabel = `Task ${brick.name}, ${brick.caption}`;
    found.push({ ...node(id, "task", at(id), high(id)), ...chosen(id), ariaLabel, data } as BoardNode);
  }
  if (state.edges.length > SIMPLE_FROM) return found;
  for (const edge of state.edges) {
    const id = edge.path;
    const data = { edge, colour: shown.colours.get(id) ?? null, faded: shown.faded("path", id) };
    const ariaLabel = `Path ${edge.category} to ${edge.task}, ${MEANING[edge.state]}`;
    found.push({ ...node(id, "path", at(edge.path)), ...chosen(id), ariaLabel, data } as BoardNode);
  }
  return found;
}

export function wiresOf(state: State, shown: Shown): Wire[] {
  const simple = state.edges.length > SIMPLE_FROM;
  const shifts = arrivals(state, places(state));
  return state.edges.flatMap((edge): Wire[] => {
    const category = `category:${edge.category}`;
    const task = `task:${edge.task}`;
    if (!state.layout[category] || !state.layout[task]) return [];
    const data = (shift: number): WireData => ({
      state: edge.state,
      colour: shown.colours.get(edge.path) ?? null,
      faded: shown.faded("path", edge.path),
      shift,
    });
    const shift = shifts.get(edge.path) ?? 0;
    const wire = { type: "wire" as const, focusable: false, selectable: simple };
    if (simple) {
      const selected = shown.selected === edge.path;
      return [{ ...wire, id: edge.path, source: category, target: task, selected, data: data(shift) }];
    }
    return [
      { ...wire, id: `${edge.path}<`, source: category, target: edge.path, data: data(0) },
      { ...wire, id: `${edge.path}>`, source: edge.path, target: task, data: data(shift) },
    ];
  });
}

/** Wires arrive at a task one below the other, in the order of where they come from. */
function arrivals(state: State, { at, high }: Places): Map<string, number> {
  const found = new Map<string, number>();
  for (const task of state.tasks) {
    const room = Math.max(SIZE.task[1], high(`task:${task.name}`)) * 0.86;
    const paths = state.edges.filter((edge) => edge.task === task.name).map((edge) => edge.path);
    paths.sort((a, b) => at(a).y - at(b).y);
    paths.forEach((path, index) => found.set(path, ((index + 0.5) / paths.length - 0.5) * room));
  }
  return found;
}
