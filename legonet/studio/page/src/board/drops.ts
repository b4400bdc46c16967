/** What is dragged from the palette, or from a folder's window, and dropped on the board. */

import { useState } from "preact/hooks";
import { go } from "../route";
import { handOver } from "../teachers/handed";

/** `block:vgg`, `category:cat`, `task:classify`: browsers do not say what is dragged before it is dropped. */
let carried: string | null = null;

/** Makes a thing of the palette one that can be dragged. */
export function dragged(id: string, begin?: (from: string | null) => void) {
  return {
    draggable: true,
    onDragStart: (event: DragEvent) => {
      carried = id;
      event.dataTransfer?.setData("text/plain", id.slice(id.indexOf(":") + 1));
      begin?.(id);
    },
    onDragEnd: () => {
      carried = null;
      begin?.(null);
    },
  };
}

interface Board {
  read_only: boolean;
  connect: (path: string) => Promise<void>;
  choose: (chosen: string | null) => void;
}

/** The board as a place to drop on; `over` is the brick below what is dragged, "" where there is none. */
export function useDrops({ read_only, connect, choose }: Board) {
  const [over, hover] = useState<string | null>(null);
  const wanted = (event: DragEvent) => !read_only && (carried !== null || [...(event.dataTransfer?.types ?? [])].includes("Files"));
  const below = (event: DragEvent) => (event.target as HTMLElement).closest<HTMLElement>(".react-flow__node, .matrix [data-id]")?.dataset["id"] ?? "";
  const handlers = {
    onDragOver: (event: DragEvent) => {
      if (!wanted(event)) return;
      event.preventDefault();
      hover(below(event));
    },
    onDragLeave: (event: DragEvent) => (event.currentTarget as Node).contains(event.relatedTarget as Node) || hover(null),
    onDrop: (event: DragEvent) => {
      hover(null);
      if (!wanted(event)) return;
      event.preventDefault();
      const end = below(event);
      const file = event.dataTransfer?.files[0];
      if (carried?.startsWith("block:")) go("teachers", { model: carried.slice(6), path: pathAt(end) });
      else if (carried) {
        const path = joined(carried, end);
        if (path) void connect(path);
        else choose(carried);
      } else if (file) {
        handOver(file);
        go("teachers", { path: pathAt(end) });
      }
      carried = null;
    },
  };
  return { over, handlers };
}

/** What a teacher that is dropped on a brick is asked to show: `cat:`, `:classify`, `cat:classify`, or `:`. */
function pathAt(brick: string): string {
  const [kind, name] = brick.split(":");
  if (kind === "category") return `${name}:`;
  if (kind === "task") return `:${name}`;
  return brick || ":";
}

/** `category:cat` and `task:classify`, in any order, as a path. */
export function joined(one: string | null | undefined, other: string | null | undefined): string | null {
  const ends = [one ?? "", other ?? ""];
  const category = ends.find((end) => end.startsWith("category:"));
  const task = ends.find((end) => end.startsWith("task:"));
  return category && task ? `${category.slice(9)}:${task.slice(5)}` : null;
}
