import { Background, BackgroundVariant, Controls, ReactFlow, type Connection, type FinalConnectionState, type NodeChange, type ReactFlowInstance } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { State, Target } from "../api/types";
import { refuse } from "../store";
import type { Chosen } from "./Board";
import { EDGE_TYPES, NODE_TYPES } from "./bricks";
import { joined } from "./drops";
import { nodesOf, wiresOf, type BoardNode, type Shown, type Wire } from "./flow";

/** Room for what lies over the board: the switch above, the next step below. */
const FIT = { padding: { top: "60px", bottom: "92px", left: "28px", right: "36px" }, maxZoom: 1.2 } as const;

interface Props {
  state: State;
  shown: Shown;
  targets: Map<string, Target>;
  choose: (chosen: Chosen) => void;
  connect: (path: string) => Promise<void>;
  begin: (from: string | null) => void;
}

export function Canvas({ state, shown, targets, choose, connect, begin }: Props) {
  const nodes = useMemo(() => nodesOf(state, shown), [state, shown]);
  const wires = useMemo(() => wiresOf(state, shown), [state, shown]);
  const flow = useRef<ReactFlowInstance<BoardNode, Wire> | null>(null);
  const open = shown.selected !== null;
  useEffect(() => {
    if (!flow.current || !matchMedia("(max-width: 760px)").matches) return;
    const timer = setTimeout(() => void flow.current?.fitView(FIT), 60); // the sheet of details takes a part of a phone's board
    return () => clearTimeout(timer);
  }, [open]);
  const changed = (changes: NodeChange<BoardNode>[]) => {
    const now = changes.find((change) => change.type === "select" && change.selected);
    if (now?.type === "select") choose(now.id);
  };
  const legal = (connection: Connection | Wire) => {
    const target = targets.get(joined(connection.source, connection.target) ?? "");
    return target !== undefined && (target.legal || target.connected);
  };
  const ended = (_event: unknown, connection: FinalConnectionState) => {
    begin(null);
    const path = joined(connection.fromNode?.id, connection.toNode?.id);
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
      minZoom={0.05}
      maxZoom={2.5}
      fitView
      fitViewOptions={FIT}
      onInit={(made) => {
        flow.current = made;
      }}
      autoPanOnNodeFocus
      aria-label="Bricks: Tab goes from one to the next, Enter chooses"
    >
      <Background variant={BackgroundVariant.Dots} gap={24} size={2.2} />
      <Controls showInteractive={false} position="bottom-left" />
    </ReactFlow>
  );
}
