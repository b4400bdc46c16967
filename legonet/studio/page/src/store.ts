/** The draft as the server has it, and what the page says about it. */

import { useSyncExternalStore } from "preact/compat";
import { get, post, problemsOf, Refused } from "./api/client";
import type { Edit, Problem, State } from "./api/types";

export interface Said {
  problems: Problem[];
  kind: "problem" | "done";
}

interface Kept {
  state: State | null;
  said: Said | null;
  busy: boolean;
}

let kept: Kept = { state: null, said: null, busy: false };
const listeners = new Set<() => void>();

/** Milliseconds until the draft is read again while figures of it are being measured. */
const MEASURED_AFTER = 2500;
let looking = 0;

function keep(change: Partial<Kept>): void {
  kept = { ...kept, ...change };
  if (change.state) {
    clearTimeout(looking);
    if (change.state.measuring.running) looking = window.setTimeout(() => (queue = queue.then(refresh)), MEASURED_AFTER);
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useKept(): Kept {
  return useSyncExternalStore(subscribe, () => kept);
}

/** The draft; only used below the place that waits for it. */
export function useDraft(): State {
  return useKept().state!;
}

export function say(text: string): void {
  const problem = { text, file: "", line: null, column: null, key: "", found: text, expected: "", advice: "" };
  keep({ said: { problems: [problem], kind: "done" } });
}

export function refuse(error: unknown): void {
  keep({ said: { problems: problemsOf(error), kind: "problem" } });
}

export function hush(): void {
  if (kept.said) keep({ said: null });
}

/** Has what is built measured on labelled images; the draft is read again until that is done. */
export async function measure(data: string, paths: string[]): Promise<void> {
  try {
    await post("measures", { data, paths });
    await refresh();
  } catch (error) {
    refuse(error);
  }
}

export async function refresh(): Promise<void> {
  try {
    keep({ state: await get<State>("graph") });
  } catch (error) {
    refuse(error);
  }
}

/** Each request of the draft waits for the one before, since it names that one's revision. */
let queue: Promise<unknown> = Promise.resolve();

function change(call: (state: State) => Promise<State>, done = ""): Promise<boolean> {
  const next = queue.then(async () => {
    if (!kept.state) return false;
    keep({ busy: true });
    try {
      keep({ state: await call(kept.state), said: null, busy: false });
      if (done) say(done);
      return true;
    } catch (error) {
      keep({ busy: false });
      if (error instanceof Refused && (error.status === 409 || error.status === 412)) await refresh();
      refuse(error);
      return false;
    }
  });
  queue = next;
  return next;
}

export function edit(...edits: Edit[]): Promise<boolean> {
  return change((state) => post("edits", { revision: state.revision, edits }));
}

export function undo(): Promise<boolean> {
  return change((state) => (state.can_undo ? post("undo", { revision: state.revision }) : Promise.resolve(state)));
}

export function redo(): Promise<boolean> {
  return change((state) => (state.can_redo ? post("redo", { revision: state.revision }) : Promise.resolve(state)));
}

export function discard(): Promise<boolean> {
  return change((state) => post("discard", { revision: state.revision }), "The unsaved edits are gone.");
}

export function save(): Promise<boolean> {
  return change((state) => post("save", {}, { "If-Match": `"${state.etag}"` }), "Saved.");
}

export function reload(): Promise<boolean> {
  return change(() => post("reload"), "Read again from the file.");
}

/** Takes a state that another request has given. */
export function take(state: State): void {
  keep({ state });
}

/** Another screen is shown: what went wrong on the one before is not said any more. */
export function hushProblems(): void {
  if (kept.said?.kind === "problem") keep({ said: null });
}
