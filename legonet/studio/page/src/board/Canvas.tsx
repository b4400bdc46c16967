import { Background, BackgroundVariant, Controls, ReactFlow, type Connection, type FinalConnectionState, type NodeChange } from "@xyflow/react";
import { useMemo } from "preact/hooks";
import type { State, Target } from "../api/types";
import { refuse } from "../store";
import type { Chosen } from "./Board";
import { EDGE_TYPES, NODE_TYPES } from "./bricks";
import { nodesOf, wiresOf, type BoardNode, type Shown, type Wire } from "./flow";

interface Props {
  state: State;
  shown: Shown;
  targets: Map<string, Target>;
  choose: (chosen: Chosen) => void;
  connect: (path: string) => Promise<void>;
  begin: (from: string | null) => void;
}

/** `category:cat` and `task:classify`, in any order, as a path. */
function pathOf(one: string | null | undefined, other: string | null | undefined): string | null {
  const ends = [one ?? "", other ?? ""];
  const category = ends.find((end) => end.startsWith("category:"));
  const task = ends.find((end) => end.startsWith("task:"));
  return category && task ? `${category.slice(9)}:${task.slice(5)}` : null;
}

export function Canvas({ state, shown, targets, choose, connect, begin }: Props) {
  const nodes = useMemo(() => nodesOf(state, shown), [state, shown]);
  const wires = useMemo(() => wiresOf(state, shown), [state, shown]);
  const changed = (changes: NodeChange<BoardNode>[]) => {
    const now = changes.find((change) => change.type === "select" && change.selected);
    if (now?.type === "select") choose(now.id);
  };
  const legal = (connection: Connection | Wire) => {
    const target = targets.get(pathOf(connection.source, connection.target) ?? "");
    return target !== undefined && (target.legal || target.connected);
  };
  const ended = (_event: unknown, connection: FinalConnectionState) => {
    begin(null);
    const path = pathOf(connection.fromNode?.id, connection.toNode?.id);
    if (!path) return;
    const target = targets.get(path);
    if (target && !target.legal && !target.connected) refuse(new Error(target.message));
    else void connect(path);
  };
  return (
    <ReactFlow<BoardNode, Wire>
      nodes={nodes}
      edges={wires}
      nodeTypes={NODE_TYPES as never}
      edgeTypes={EDGE_TYPES as never}
      onNodesChange={changed}
      onEdgeClick={(_event, wire) => choose(wire.id)}
      onPaneClick={() => choose(null)}
      onConnectStart={(_event, start) => begin(start.nodeId)}
      onConnectEnd={ended}
      isValidConnection={legal}
      connectOnClick={false}
      connectionRadius={8}
      nodesDraggable={false}
      nodesConnectable={!state.read_only}
      deleteKeyCode={null}
      multiSelectionKeyCode={null}
      selectionKeyCode={null}
      elevateEdgesOnSelect
      onlyRenderVisibleElements={wires.length > 400}
      minZoom={0.05}
      maxZoom={2.5}
      fitView
      fitViewOptions={{ padding: 0.08, maxZoom: 1.2 }}
      autoPanOnNodeFocus
      aria-label="Bricks: Tab goes from one to the next, Enter chooses"
    >
      <Background variant={BackgroundVariant.Dots} gap={24} size={2.2} />
      <Controls showInteractive={false} position="bottom-left" />
    </ReactFlow>
  );
}
