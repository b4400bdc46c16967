import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../api/client";
import type { Target } from "../api/types";
import { go, useRoute } from "../route";
import { edit, refuse, useDraft } from "../store";
import { offersOf, useFound } from "../teachers/found";
import { Canvas } from "./Canvas";
import { colourOf } from "./colours";
import { useDrops } from "./drops";
import { MATRIX_FROM, type Aim, type Shown } from "./flow";
import { Matrix } from "./Matrix";
import { NextStep } from "./NextStep";
import { Palette } from "./Palette";
import { Panel } from "./Panel";

/** What is chosen on the board, such as `category:cat`, `task:classify`, `cat:classify`, `application:pets`. */
export type Chosen = string | null;

export function Board() {
  const state = useDraft();
  const { given } = useRoute();
  const [chosen, choose] = useState<Chosen>(given.get("at"));
  const [lit, light] = useState<string | null>(null);
  const [query, search] = useState("");
  const [from, begin] = useState<string | null>(null);
  const targets = useTargets(from ?? chosen, state.revision);
  const found = useFound(state);
  const offers = useMemo(() => offersOf(state, found), [state, found]);
  const many = state.categories.length * state.tasks.length > MATRIX_FROM;
  const [asMatrix, showMatrix] = useState<boolean | null>(null);
  const matrix = asMatrix ?? many;

  useEffect(() => {
    choose((now) => (now && !exists(state, now) ? null : now)); // a rename has chosen the new name meanwhile
  }, [state]);
  useEffect(() => keysOfBoard(chosen, choose), [chosen]);

  const shown = useMemo((): Shown => {
    const application = lit ? state.applications[lit] : undefined;
    const colours = new Map<string, string>();
    if (lit && application) for (const path of application) colours.set(path, colourOf(state, lit));
    const wanted = query.trim().toLowerCase();
    const hit = (name: string) => name.toLowerCase().includes(wanted);
    const found = new Set(wanted ? state.edges.filter((edge) => hit(edge.path)).flatMap((edge) => [edge.path, `category:${edge.category}`, `task:${edge.task}`]) : []);
    const inside = application && new Set(application.flatMap((path) => [path, `category:${path.split(":")[0]}`, `task:${path.split(":")[1]}`]));
    return {
      aims: aims(from, targets),
      colours,
      selected: chosen,
      faded: (kind, name) => {
        const id = kind === "path" ? name : `${kind}:${name}`;
        return (wanted !== "" && !found.has(id) && !hit(name)) || (inside !== undefined && !inside.has(id));
      },
    };
  }, [state, chosen, lit, query, from, targets]);

  const connect = async (path: string) => {
    if (state.edges.some((edge) => edge.path === path && edge.connected)) return choose(path);
    const known = targets.get(path) ?? (await targetsOf(`category:${path.split(":")[0]}`)).get(path);
    if (known && !known.legal) return refuse(new Error(known.message));
    if (await edit({ op: "connect", path })) choose(path);
  };
  const { over, handlers } = useDrops({ read_only: state.read_only, connect, choose });
  const common = { state, shown: over && !from ? { ...shown, aims: new Map<string, Aim>([[over, "legal"]]) } : shown, targets, choose, connect };
  return (
    <div class={`board ${chosen ? "with-choice" : ""}`}>
      <Palette state={state} query={query} search={search} chosen={chosen} choose={choose} lit={lit} light={light} begin={begin} />
      <section class={`table ${over === null ? "" : "over"}`} {...handlers} aria-label={matrix ? "Matrix of connections" : "Board of bricks"}>
        <div class="view-switch" role="group" aria-label="Shown as">
          <button aria-pressed={!matrix} onClick={() => showMatrix(false)}>Bricks</button>
          <button aria-pressed={matrix} onClick={() => showMatrix(true)}>Matrix</button>
        </div>
        {matrix ? <Matrix {...common} /> : <Canvas {...common} begin={begin} />}
        <NextStep state={state} offers={offers} />
      </section>
      <Panel state={state} chosen={chosen} choose={choose} light={light} targets={targets} connect={connect} offers={offers} />
    </div>
  );
}

function exists(state: ReturnType<typeof useDraft>, chosen: string): boolean {
  const [kind, name = ""] = chosen.split(":");
  if (kind === "category" && state.categories.some((each) => each.name === name)) return true;
  if (kind === "task" && state.tasks.some((each) => each.name === name)) return true;
  if (kind === "teacher" && state.teachers.some((each) => each.name === name)) return true;
  if (kind === "application" && name in state.applications) return true;
  if (kind === "new") return true;
  return state.edges.some((edge) => edge.path === chosen);
}

function aims(from: string | null, targets: Map<string, Target>): Map<string, Aim> {
  const found = new Map<string, Aim>();
  if (!from) return found;
  found.set(from, "from");
  for (const target of targets.values()) {
    const [category, task] = target.path.split(":");
    found.set(from.startsWith("category:") ? `task:${task}` : `category:${category}`, target.legal || target.connected ? "legal" : "illegal");
  }
  return found;
}

/** What `connect` would say, for every pair of a brick. */
async function targetsOf(brick: string): Promise<Map<string, Target>> {
  const [kind, name = ""] = brick.split(":");
  const answer = await get<{ targets: Target[] }>(`targets?${kind}=${encodeURIComponent(name)}`);
  return new Map(answer.targets.map((target) => [target.path, target]));
}

const NONE = new Map<string, Target>();

function useTargets(brick: string | null, revision: number): Map<string, Target> {
  const [targets, keep] = useState(NONE);
  useEffect(() => {
    keep(NONE);
    if (!brick || !/^(category|task):/.test(brick)) return;
    let wanted = true;
    targetsOf(brick).then((found) => wanted && keep(found), refuse);
    return () => {
      wanted = false;
    };
  }, [brick, revision]);
  return targets;
}

/** `/` searches, Escape lets go, Delete takes the chosen thing away. */
function keysOfBoard(chosen: Chosen, choose: (chosen: Chosen) => void): () => void {
  const pressed = (event: KeyboardEvent) => {
    const typing = (event.target as HTMLElement).closest?.("input, textarea, select");
    if (event.key === "Escape" && chosen && !typing) choose(null);
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector<HTMLInputElement>("#search")?.focus();
    }
    if (event.key === "Delete" && chosen) document.querySelector<HTMLButtonElement>(".panel [data-removes]")?.click();
    if (event.key === "p" && chosen?.includes(":") && !/^(category|task|teacher|application|new):/.test(chosen)) go("plan", { only: chosen });
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}
