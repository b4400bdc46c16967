import { post } from "../api/client";
import { go } from "../route";
import { refuse, save } from "../store";

export interface Order {
  only?: string[];
  budget?: string | null;
  keep_going?: boolean;
  samples?: Record<string, string>;
}

/** Fits what the plan lists: saves the draft, starts the run, shows it. */
export async function fit(dirty: boolean, order: Order = {}): Promise<void> {
  if (dirty && !(await save())) return;
  try {
    const { id } = await post<{ id: string }>("runs", { ...order });
    go("runs", { id });
  } catch (error) {
    refuse(error);
  }
}
