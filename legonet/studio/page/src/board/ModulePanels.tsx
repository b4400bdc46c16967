import { useState } from "preact/hooks";
import type { Category, Task } from "../api/types";
import { Choice, Fact, Facts, Rename } from "../parts/fields";
import { Said } from "../parts/Said";
import { go } from "../route";
import { edit } from "../store";
import { MEANING, plain, shape } from "../words";
import type { PanelProps } from "./Panel";
import { Remove } from "./Remove";

export function CategoryPanel(props: PanelProps & { category: Category }) {
  const { state, category, choose } = props;
  const rename = async (to: string) => {
    const done = await edit({ op: "rename", section: "categories", name: category.name, to });
    if (done) choose(`category:${to}`);
    return done;
  };
  return (
    <>
      <p class="kind">Category</p>
      <h2>{category.label}</h2>
      {!state.read_only && <Rename key={category.name} label="Name" name={category.name} rename={rename} />}
      <Facts>
        <Fact name="Gives">{shape(category.port)}</Fact>
        <Fact name="Module">{category.caption || "none yet"}</Fact>
        {category.teacher && (
          <Fact name="From teacher">
            <button class="link" onClick={() => choose(`teacher:${category.teacher}`)}>{category.teacher}</button>
          </Fact>
        )}
      </Facts>
      <h3>Connected to</h3>
      <Ends {...props} ends={state.tasks.map((task) => [task.name, `${category.name}:${task.name}`])} />
      {!state.read_only && (
        <div class="actions">
          <Remove edit={{ op: "remove", section: "categories", name: category.name }} done={() => choose(null)} />
        </div>
      )}
    </>
  );
}

export function TaskPanel(props: PanelProps & { task: Task }) {
  const { state, task, choose } = props;
  const rename = async (to: string) => {
    const done = await edit({ op: "rename", section: "tasks", name: task.name, to });
    if (done) choose(`task:${to}`);
    return done;
  };
  return (
    <>
      <p class="kind">Task</p>
      <h2>{task.name}</h2>
      {!state.read_only && <Rename key={task.name} label="Name" name={task.name} rename={rename} />}
      <Facts>
        <Fact name="Says">
          {task.kind}
          {task.labels.length > 0 && `: ${task.labels.join(", ")}`}
        </Fact>
        <Fact name="Takes">{shape(task.port)}</Fact>
        <Fact name="Module">{task.caption || "none yet"}</Fact>
        {task.teacher && (
          <Fact name="From teacher">
            <button class="link" onClick={() => choose(`teacher:${task.teacher}`)}>{task.teacher}</button>
          </Fact>
        )}
      </Facts>
      <h3>Connected to</h3>
      <Ends {...props} ends={state.categories.map((category) => [category.name, `${category.name}:${task.name}`])} />
      {!state.read_only && (
        <div class="actions">
          <Remove edit={{ op: "remove", section: "tasks", name: task.name }} done={() => choose(null)} />
        </div>
      )}
    </>
  );
}

/** The other ends, each with what joins it, or the button that connects it: all that dragging does, by keys. */
function Ends({ state, ends, targets, choose, connect }: PanelProps & { ends: [name: string, path: string][] }) {
  if (!ends.length) return <p class="soft">There is nothing to connect to yet.</p>;
  const edges = new Map(state.edges.map((edge) => [edge.path, edge]));
  return (
    <ul class="ends">
      {ends.map(([name, path]) => {
        const edge = edges.get(path);
        const target = targets.get(path);
        if (edge?.connected)
          return (
            <li key={path}>
              <button class="end" onClick={() => choose(path)}>
                <i class={`swatch state-${edge.state}`} aria-hidden="true" />
                {name} <small>{MEANING[edge.state]}</small>
              </button>
            </li>
          );
        return (
          <li key={path} class={target?.legal === false ? "illegal" : ""}>
            <span>{name}</span>
            {target?.legal === false ? (
              <small><Said text={target.message} /></small>
            ) : (
              <button disabled={state.read_only || !target} title={plain(target?.message ?? "")} onClick={() => void connect(path)}>
                Connect<span class="hidden"> {path.replace(":", " to ")}</span>
              </button>
            )}
          </li>
        );
      })}
    </ul>
  );
}

export function NewCategory({ choose }: PanelProps) {
  const [name, setName] = useState("");
  const add = async (event: Event) => {
    event.preventDefault();
    if (await edit({ op: "add", section: "categories", name: name.trim(), entry: {} })) choose(`category:${name.trim()}`);
  };
  return (
    <form onSubmit={(event) => void add(event)}>
      <p class="kind">New category</p>
      <h2>What is in the image?</h2>
      <label class="field">
        <span>Name</span>
        <input autofocus required value={name} placeholder="zebra" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <p class="soft">Its module comes with its first teacher. Adding that teacher makes the category too.</p>
      <div class="actions">
        <button class="primary">Add the category</button>
        <button type="button" onClick={() => go("teachers")}>Add a teacher instead</button>
      </div>
    </form>
  );
}

const KINDS: Record<string, string> = {
  binary: "yes or no",
  classes: "one of several classes",
  multilabel: "any of several labels",
  mask: "which pixels",
};

export function NewTask({ choose }: PanelProps) {
  const [name, setName] = useState("");
  const [kind, setKind] = useState("binary");
  const [labels, setLabels] = useState("");
  const add = async (event: Event) => {
    event.preventDefault();
    const named = labels.split(",").map((each) => each.trim()).filter(Boolean);
    const entry = { output: { kind, labels: named.length ? named : kind === "mask" ? ["{category}"] : ["other", "{category}"] } };
    if (await edit({ op: "add", section: "tasks", name: name.trim(), entry })) choose(`task:${name.trim()}`);
  };
  return (
    <form onSubmit={(event) => void add(event)}>
      <p class="kind">New task</p>
      <h2>What is to be said of it?</h2>
      <label class="field">
        <span>Name</span>
        <input autofocus required value={name} placeholder="classify" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <Choice label="It says" value={kind} options={Object.entries(KINDS)} onChange={setKind} />
      <label class="field">
        <span>Labels, with commas between them</span>
        <input value={labels} placeholder={kind === "mask" ? "{category}" : "other, {category}"} onInput={(event) => setLabels(event.currentTarget.value)} />
      </label>
      <p class="soft">Its module comes with its first teacher. Adding that teacher makes the task too, of any kind.</p>
      <div class="actions">
        <button class="primary">Add the task</button>
        <button type="button" onClick={() => go("teachers")}>Add a teacher instead</button>
      </div>
    </form>
  );
}
