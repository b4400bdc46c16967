import { useState } from "preact/hooks";
import type { State } from "../api/types";
import { Brick } from "../parts/Brick";
import { go } from "../route";
import { shape } from "../words";
import type { Chosen } from "./Board";
import { colourOf } from "./colours";
import { dragged } from "./drops";

interface Props {
  state: State;
  query: string;
  search: (query: string) => void;
  chosen: Chosen;
  choose: (chosen: Chosen) => void;
  lit: string | null;
  light: (application: string | null) => void;
  begin: (from: string | null) => void;
}

export function Palette({ state, query, search, chosen, choose, lit, light, begin }: Props) {
  const [open, show] = useState(false);
  const wanted = query.trim().toLowerCase();
  const hit = (...names: string[]) => names.some((name) => name.toLowerCase().includes(wanted));
  const item = (id: string) => ({ id, chosen: chosen === id, choose, drag: state.read_only ? {} : dragged(id, begin) });
  const applications = Object.keys(state.applications);
  return (
    <aside class={`palette ${open ? "open" : ""}`} aria-label="Palette">
      <div class="palette-top">
        <input id="search" type="search" placeholder="Search   /" aria-label="Search bricks and connections" value={query} onInput={(event) => search(event.currentTarget.value)} />
        <button class="palette-toggle" aria-expanded={open} onClick={() => show(!open)}>
          {open ? "Close" : "Bricks"}
        </button>
      </div>
      <div class="palette-list">
        <Group name="Categories" add={state.read_only ? undefined : () => choose("new:category")}>
          {state.categories.filter((each) => hit(each.name, each.label)).map((each) => (
            <Item key={each.name} {...item(`category:${each.name}`)}>
              <Brick kind="category" name={each.name} caption={each.port ? shape(each.port) : "no teacher yet"} port={each.port} />
            </Item>
          ))}
        </Group>
        <Group name="Tasks" add={state.read_only ? undefined : () => choose("new:task")}>
          {state.tasks.filter((each) => hit(each.name, each.kind)).map((each) => (
            <Item key={each.name} {...item(`task:${each.name}`)}>
              <Brick kind="task" name={each.name} caption={each.kind} port={each.port} />
            </Item>
          ))}
        </Group>
        <Group name="Applications" add={state.read_only || !state.edges.length ? undefined : () => choose("new:application")}>
          {applications.filter((name) => hit(name)).map((name) => (
            <li key={name}>
              <button
                class="application"
                aria-pressed={lit === name}
                style={{ "--mark": colourOf(state, name) }}
                onClick={() => {
                  light(lit === name ? null : name);
                  choose(lit === name ? null : `application:${name}`);
                }}
              >
                <i aria-hidden="true" />
                {name} <small>{state.applications[name]!.length}</small>
              </button>
            </li>
          ))}
          {!applications.length && <li class="hint">A choice of connections that are used together.</li>}
        </Group>
        <Group name="Teachers" closed={state.teachers.length > 4} add={state.read_only ? undefined : () => go("teachers")}>
          {state.teachers.filter((each) => hit(each.name, each.model)).map((each) => (
            <li key={each.name}>
              <button class="teacher-item" aria-pressed={chosen === `teacher:${each.name}`} onClick={() => choose(`teacher:${each.name}`)}>
                {each.name}
              </button>
            </li>
          ))}
        </Group>
        <Group name="Blocks" closed>
          <li class="hint">What a trained model is built like. Drag one to the board to add a teacher of it.</li>
          {state.blocks.filter((name) => hit(name)).map((name) => (
            <li key={name}>
              <button class="teacher-item block-item" disabled={state.read_only} title="Drag it to the board, or click, to add a teacher of this architecture" onClick={() => go("teachers", { model: name })} {...dragged(`block:${name}`)}>
                {name}
              </button>
            </li>
          ))}
        </Group>
      </div>
    </aside>
  );
}

function Group({ name, add, closed = false, children }: { name: string; add?: () => void; closed?: boolean; children: preact.ComponentChildren }) {
  return (
    <details class="group" open={!closed}>
      <summary>
        <h2>{name}</h2>
      </summary>
      {add && (
        <button class="icon add" aria-label={`Add to ${name.toLowerCase()}`} title={`Add to ${name.toLowerCase()}`} onClick={add}>
          +
        </button>
      )}
      <ul>{children}</ul>
    </details>
  );
}

function Item({ id, chosen, choose, drag, children }: { id: string; chosen: boolean; choose: (chosen: Chosen) => void; drag: Partial<ReturnType<typeof dragged>>; children: preact.ComponentChildren }) {
  return (
    <li>
      <button class="brick-item" aria-pressed={chosen} onClick={() => choose(id)} {...drag}>
        {children}
      </button>
    </li>
  );
}
