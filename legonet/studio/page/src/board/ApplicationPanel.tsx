import { useState } from "preact/hooks";
import { Rename } from "../parts/fields";
import { go } from "../route";
import { edit } from "../store";
import { colourOf } from "./colours";
import type { PanelProps } from "./Panel";
import { Remove } from "./Remove";

export function ApplicationPanel({ state, name, choose, light }: PanelProps & { name: string }) {
  const paths = state.applications[name]!;
  const rename = async (to: string) => {
    const done = await edit({ op: "rename", section: "applications", name, to });
    if (done) {
      choose(`application:${to}`);
      light(to);
    }
    return done;
  };
  const change = (chosen: string[]) => void edit({ op: "change", section: "applications", name, entry: chosen });
  const removed = () => {
    choose(null);
    light(null);
  };
  return (
    <>
      <p class="kind">Application</p>
      <h2 class="marked" style={{ "--mark": colourOf(state, name) }}>{name}</h2>
      {!state.read_only && <Rename key={name} label="Name" name={name} rename={rename} />}
      <Paths state={state} chosen={paths} change={change} />
      <div class="actions">
        <button class="primary" onClick={() => go("try", { application: name })}>Try an image</button>
        <button onClick={() => go("export", { only: name })}>Export</button>
        {!state.read_only && <Remove edit={{ op: "remove", section: "applications", name }} done={removed} />}
      </div>
    </>
  );
}

function Paths({ state, chosen, change }: Pick<PanelProps, "state"> & { chosen: string[]; change: (paths: string[]) => void }) {
  return (
    <fieldset class="paths" disabled={state.read_only}>
      <legend>Its connections</legend>
      {state.edges.filter((edge) => edge.connected).map(({ path }) => (
        <label class="check" key={path}>
          <input
            type="checkbox"
            checked={chosen.includes(path)}
            
            onChange={(event) => change(event.currentTarget.checked ? [...chosen, path] : chosen.filter((each) => each !== path))}
          />{" "}
          {path.replace(":", " → ")}
        </label>
      ))}
    </fieldset>
  );
}

export function NewApplication({ state, choose, light }: PanelProps) {
  const [name, setName] = useState("");
  const [paths, setPaths] = useState<string[]>([]);
  const add = async (event: Event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (await edit({ op: "add", section: "applications", name: wanted, entry: paths })) {
      choose(`application:${wanted}`);
      light(wanted);
    }
  };
  return (
    <form onSubmit={(event) => void add(event)}>
      <p class="kind">New application</p>
      <h2>Which connections are used together?</h2>
      <label class="field">
        <span>Name</span>
        <input autofocus required value={name} placeholder="pets" spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <Paths state={state} chosen={paths} change={setPaths} />
      <div class="actions">
        <button class="primary" disabled={!paths.length}>Add the application</button>
      </div>
    </form>
  );
}
