/** Weights that lie beside the graph file and that no teacher uses: what could be brought, and for which connection. */

import type { Edit, Found, State } from "../api/types";
import { useAnswer } from "../parts/load";
import { edit } from "../store";

type Kind = { model: string; cut: string; output?: string };

/** A teacher that could be brought: what its entry would say, taken from a teacher of the same tensors. */
export interface Offer extends Kind {
  path: string;
  weights: string;
  statistics: string | null;
  like: string;
}

const NONE: Found[] = [];

export function useFound(state: State): Found[] {
  const { answer } = useAnswer<{ weights: Found[] }>(state.read_only ? null : "weights", state.revision);
  return answer?.weights ?? NONE;
}

/** Offers for connections that no teacher shows: the file's tensors tell the task, its name the category. */
export function offersOf(state: State, found: Found[]): Offer[] {
  const taught = new Set(state.teachers.map((each) => `${each.category}:${each.task}`));
  return found.flatMap(({ file, statistics, like }) => {
    const category = state.categories.map((each) => each.name).filter((name) => names(file, name)).sort((one, other) => other.length - one.length)[0];
    if (category === undefined) return [];
    const tasks = Object.keys(like);
    const named = tasks.filter((task) => names(file, task));
    return (named.length ? named : tasks).flatMap((task) => {
      const path = `${category}:${task}`;
      const known = state.graph.teachers?.[like[task]!];
      if (!known || taught.has(path)) return [];
      return { path, weights: file, statistics, like: like[task]!, model: known.model, cut: known.cut, output: known.output };
    });
  });
}

/** Whether a file's name has these words: `teachers/polar-bear_v2.safetensors` those of `polar-bear`. */
function names(file: string, category: string): boolean {
  const words = (text: string) => `-${text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}-`;
  return words(file.split("/").at(-1)!).includes(words(category));
}

/** Adds a teacher of weights that lie here to the draft, so that it can be taken back. */
export function bring(state: State, { path, model, weights, cut, output }: Kind & { path: string; weights: string }, name = "", before: Edit[] = []): Promise<boolean> {
  const [category = "", task = ""] = path.split(":");
  const entry = { category, task, model, weights, cut, ...(output && { output }) };
  return edit(...before, { op: "add", section: "teachers", name: name || free(state, `${category}-${task}`), entry });
}

/** A name that no teacher has. */
function free(state: State, wanted: string): string {
  const taken = new Set(state.teachers.map((each) => each.name));
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.has(name)) return name;
  }
}
