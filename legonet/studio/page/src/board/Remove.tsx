import { useState } from "preact/hooks";
import type { Edit } from "../api/types";
import { edit } from "../store";

type Removal = Extract<Edit, { op: "remove" | "disconnect" }>;

/** Takes an entry away; where others refer to it, it asks once more, and takes them away too. Undo brings all back. */
export function Remove({ label = "Remove", edit: removal, done }: { label?: string; edit: Removal; done?: () => void }) {
  const [refused, refuse] = useState(false);
  const remove = async (references: boolean) => {
    if (await edit({ ...removal, references })) done?.();
    else refuse(true);
  };
  return (
    <>
      <button data-removes class="danger" onClick={() => void remove(false)}>
        {label}
      </button>
      {refused && (
        <button class="danger" onClick={() => void remove(true)}>
          {label}, and what refers to it
        </button>
      )}
    </>
  );
}
