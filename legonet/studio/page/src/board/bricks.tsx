/** What stands on the canvas. */

import { BaseEdge, Handle, Position, type EdgeProps, type NodeProps } from "@xyflow/react";
import { memo } from "preact/compat";
import { Brick } from "../parts/Brick";
import { isReady, MEANING, methodOf, percent, plain, shape } from "../words";
import type { BoardNode, Wire } from "./flow";

type Of<Type extends BoardNode["type"]> = NodeProps<Extract<BoardNode, { type: Type }>>;

const CategoryNode = memo(({ data, selected }: Of<"category">) => (
  <div class={`on-board aim-${data.aim} ${data.faded ? "faded" : ""} ${selected ? "selected" : ""}`}>
    <Brick kind="category" name={data.brick.name} caption={data.brick.port ? shape(data.brick.port) : data.brick.caption} port={data.brick.port} state={data.brick.teacher ? "" : "ghost"} />
    <span class="nub" aria-hidden="true" />
    <Handle type="source" position={Position.Right} className="whole" />
  </div>
));

const TaskNode = memo(({ data, selected }: Of<"task">) => (
  <div class={`on-board aim-${data.aim} ${data.faded ? "faded" : ""} ${selected ? "selected" : ""}`}>
    <Brick kind="task" name={data.brick.name} caption={data.brick.kind} port={data.brick.port} state={data.brick.teacher ? "" : "ghost"} />
    <Handle type="target" position={Position.Left} className="whole" />
  </div>
));

const PathNode = memo(({ data, selected }: Of<"path">) => {
  const { edge } = data;
  return (
    <div
      class={`on-board path state-${edge.state} ${data.faded ? "faded" : ""} ${selected ? "selected" : ""}`}
      style={data.colour ? { "--mark": data.colour } : undefined}
      title={plain(`${edge.path}: ${edge.reason || MEANING[edge.state]}`)}
    >
      <Brick kind="adapter" name={words(edge)} caption={figureOf(edge)} state={`state-${edge.state}`} port={[4, 1, 1]} />
      {edge.state === "weak" && <span class="weak-mark" aria-hidden="true">!</span>}
      <Handle type="target" position={Position.Left} className="hidden-handle" isConnectable={false} />
      <Handle type="source" position={Position.Right} className="hidden-handle" isConnectable={false} />
    </div>
  );
});

function words(edge: Of<"path">["data"]["edge"]): string {
  if (edge.state === "native") return "fits as it is";
  const kernel = edge.adapter?.kernel ?? 3;
  const depth = edge.adapter?.depth ?? 1;
  return `${kernel}×${kernel}${depth > 1 ? ` ·${depth} deep` : ""} · ${edge.method || methodOf(edge.adapter)}`;
}

/** What is known of a path: how often it agrees with its teacher, or what is to happen to it. */
export function figureOf(edge: Of<"path">["data"]["edge"]): string {
  if (!isReady(edge.state)) return MEANING[edge.state];
  if (edge.state === "native") return "";
  if (edge.agreement !== null) return `agrees ${percent(edge.agreement, 0)}`;
  return "fitted";
}

/** A wire leaves to the right and arrives from the left; where it arrives is shifted, so that none covers another. */
const WireLine = memo(({ id, sourceX, sourceY, targetX, targetY, data, selected }: EdgeProps<Wire>) => {
  const y = targetY + (data?.shift ?? 0);
  const half = Math.max(24, (targetX - sourceX) * 0.5);
  const way = `M${sourceX},${sourceY} C${sourceX + half},${sourceY} ${targetX - half},${y} ${targetX},${y}`;
  const of = `wire state-${data?.state} ${data?.faded ? "faded" : ""} ${selected ? "selected" : ""}`;
  return <BaseEdge id={id} path={way} className={of} interactionWidth={12} style={data?.colour ? { stroke: data.colour, strokeWidth: 3.5 } : undefined} />;
});

export const NODE_TYPES = { category: CategoryNode, task: TaskNode, path: PathNode };
export const EDGE_TYPES = { wire: WireLine };
