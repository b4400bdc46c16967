import type { State, Target } from "../api/types";
import { useRef } from "preact/hooks";
import { useFocusKept } from "../parts/focus";
import { Said } from "../parts/Said";
import type { Offer } from "../teachers/found";
import { count, MEANING } from "../words";
import { ApplicationPanel, NewApplication } from "./ApplicationPanel";
import type { Chosen } from "./Board";
import { CategoryPanel, NewCategory, NewTask, TaskPanel } from "./ModulePanels";
import { PathPanel } from "./PathPanel";
import { TeacherPanel } from "./TeacherPanel";

export interface PanelProps {
  state: State;
  choose: (chosen: Chosen) => void;
  targets: Map<string, Target>;
  connect: (path: string) => Promise<void>;
  offers: Offer[];
  light: (application: string | null) => void;
}

/** What is chosen, and what can be done with it. */
export function Panel({ chosen, ...props }: PanelProps & { chosen: Chosen }) {
  const place = useRef<HTMLElement>(null);
  useFocusKept(place, chosen);
  return (
    <aside class="panel" aria-label="Details" tabIndex={-1} ref={place}>
      {chosen && (
        <button class="icon close" aria-label="Close the details" onClick={() => props.choose(null)}>
          ×
        </button>
      )}
      <Content key={chosen} chosen={chosen} {...props} />
    </aside>
  );
}

function Content({ chosen, ...props }: PanelProps & { chosen: Chosen }) {
  const { state } = props;
  if (!chosen) return <Overview {...props} />;
  const [kind = "", name = ""] = chosen.split(":");
  const category = kind === "category" && state.categories.find((each) => each.name === name);
  if (category) return <CategoryPanel {...props} category={category} />;
  const task = kind === "task" && state.tasks.find((each) => each.name === name);
  if (task) return <TaskPanel {...props} task={task} />;
  const teacher = kind === "teacher" && state.teachers.find((each) => each.name === name);
  if (teacher) return <TeacherPanel {...props} teacher={teacher} />;
  if (kind === "application" && name in state.applications) return <ApplicationPanel {...props} name={name} />;
  if (chosen === "new:category") return <NewCategory {...props} />;
  if (chosen === "new:task") return <NewTask {...props} />;
  if (chosen === "new:application") return <NewApplication {...props} />;
  const edge = state.edges.find((each) => each.path === chosen);
  return edge ? <PathPanel {...props} edge={edge} /> : <Overview {...props} />;
}

function Overview({ state }: PanelProps) {
  const states = (["built", "weak", "native", "planned", "refit", "open", "removed"] as const).filter((each) => state.edges.some((edge) => edge.state === each));
  const free = state.categories.length * state.tasks.length - state.edges.filter((edge) => edge.connected).length;
  return (
    <>
      <h2>{state.name}</h2>
      <p class="soft">
        {count(state.categories.length, "category", "categories")}, {count(state.tasks.length, "task")}, {count(state.edges.length, "connection")}.
      </p>
      <p class="lead">{free > 0 && !state.read_only && "Drag from a category to a task to connect them. "}{state.categories.length + state.tasks.length > 0
          ? `Choose a brick to see ${state.read_only ? "it" : "and change it"}.`
          : "Bricks come from trained models: each is cut into a category and a task. Add one to begin."}
      </p>
      <ul class="legend">
        {states.map((each) => (
          <li key={each}>
            <i class={`swatch state-${each}`} aria-hidden="true" /> {MEANING[each]}
            <small>{state.edges.filter((edge) => edge.state === each).length}</small>
          </li>
        ))}
      </ul>
      {state.measuring.running && <p class="soft" role="status">What is built is being measured on labelled images …</p>}
      {state.problems.length > 0 && (
        <ul class="problems">
          {state.problems.map((problem, at) => (
            <li key={at}><Said text={problem.text} /></li>
          ))}
        </ul>
      )}
      <p class="keys soft">
        <kbd>Tab</kbd> next brick · <kbd>Enter</kbd> choose · <kbd>/</kbd> search · <kbd>Ctrl Z</kbd> undo · <kbd>Del</kbd> take away
      </p>
    </>
  );
}
