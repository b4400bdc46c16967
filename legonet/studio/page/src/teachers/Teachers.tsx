import { useMemo, useState } from "preact/hooks";
import { post, send } from "../api/client";
import type { Cut, Inspected, State, Upload } from "../api/types";
import { go, useRoute } from "../route";
import { refuse, save, say, take, useDraft } from "../store";
import { bytes, count } from "../words";
import { Cuts } from "./Cuts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.\-]*$/; // as an attribute it is read with the flag v

/** From a file of weights to a teacher, in three steps: the file, the model, the cut and the names. */
export function Teachers() {
  const state = useDraft();
  const { given } = useRoute();
  const [category, task] = (given.get("path") ?? ":").split(":");
  const [upload, setUpload] = useState<Upload | null>(null);
  const [file, setFile] = useState("");
  const [model, setModel] = useState(given.get("model") ?? "");
  const [inspected, setInspected] = useState<Inspected | null>(null);
  const [busy, work] = useState("");
  const [over, hover] = useState(false);
  const shape = state.graph.input?.shape ?? null;

  const up = async (picked: File | undefined) => {
    if (!picked) return;
    const form = new FormData();
    form.set("file", picked, picked.name);
    work("Reading the file …");
    setInspected(null);
    try {
      const found = await send<Upload>("uploads", form);
      setUpload(found);
      setFile(picked.name);
      if (model) await look(model, found);
    } catch (error) {
      refuse(error);
    } finally {
      work("");
    }
  };
  const look = async (wanted: string, weights = upload) => {
    setInspected(null);
    if (!wanted.trim()) return;
    work("Looking into the model …");
    try {
      setInspected(await post<Inspected>("inspect", { model: wanted.trim(), upload: weights?.upload ?? null, example_shape: shape }));
    } catch (error) {
      refuse(error);
    } finally {
      work("");
    }
  };
  if (state.read_only) return <List state={state} />;
  return (
    <div class="page teachers">
      <div class="page-head">
        <h2>Add a teacher</h2>
        <p class="soft">A trained model for one category and one task. It is cut in two: a category brick and a task brick. No code of the file ever runs.</p>
      </div>
      <ol class="steps">
        <li class={upload ? "done" : "now"}>
          <h3>Its weights</h3>
          <label
            class={`drop ${upload ? "small" : ""} ${over ? "over" : ""}`}
            onDragOver={(event) => {
              event.preventDefault();
              hover(true);
            }}
            onDragLeave={() => hover(false)}
            onDrop={(event) => {
              event.preventDefault();
              hover(false);
              void up(event.dataTransfer?.files[0]);
            }}
          >
            <input type="file" accept=".safetensors,.pt,.pth" onChange={(event) => void up(event.currentTarget.files?.[0])} />
            <b>{upload ? file : "Drop a .safetensors or .pt file here"}</b>
            <span class="soft">{upload ? `${count(upload.tensors, "tensor")}, ${bytes(upload.bytes)}; choose another` : "or choose a file"}</span>
          </label>
          {upload && (
            <details class="more">
              <summary>What is in it</summary>
              <div class="scrolls">
                <table class="list">
                  <tbody>
                    {Object.entries(upload.names).map(([name, sides]) => (
                      <tr key={name}>
                        <th scope="row"><code>{name}</code></th>
                        <td class="number">{sides.join(" × ") || "a number"}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </details>
          )}
        </li>
        <li class={inspected ? "done" : upload ? "now" : ""}>
          <h3>Its model</h3>
          <form
            class="row"
            onSubmit={(event) => {
              event.preventDefault();
              void look(model);
            }}
          >
            <label class="field">
              <span>A block, or torchvision:NAME, timm:NAME</span>
              <input list="blocks" required value={model} placeholder={state.blocks[0] ?? "torchvision:resnet18"} spellcheck={false} onInput={(event) => setModel(event.currentTarget.value)} />
            </label>
            <datalist id="blocks">
              {state.blocks.map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
            <button class={upload && !inspected ? "primary" : ""}>Look into it</button>
          </form>
          {!inspected && state.blocks.length > 0 && (
            <div class="chips">
              {state.blocks.slice(0, 12).map((name) => (
                <button
                  key={name}
                  aria-pressed={model === name}
                  onClick={() => {
                    setModel(name);
                    void look(name);
                  }}
                >
                  {name}
                </button>
              ))}
            </div>
          )}
          {busy && <p class="waiting" role="status">{busy}</p>}
        </li>
        <li class={inspected ? "now" : ""}>
          <h3>Its cut</h3>
          {inspected ? (
            <CutAndNames key={inspected.model + (upload?.upload ?? "")} state={state} inspected={inspected} upload={upload} category={category ?? ""} task={task ?? ""} />
          ) : (
            <p class="soft">The model appears here as a row of bricks: choose where it is cut.</p>
          )}
        </li>
      </ol>
      <List state={state} />
    </div>
  );
}

interface Last {
  state: State;
  inspected: Inspected;
  upload: Upload | null;
  category: string;
  task: string;
}

function CutAndNames({ state, inspected, upload, ...asked }: Last) {
  const [cut, setCut] = useState(() => usual(state, inspected)?.module ?? "");
  const [category, setCategory] = useState(asked.category);
  const [task, setTask] = useState(asked.task);
  const [name, setName] = useState("");
  const [adding, add] = useState(false);
  const called = name || (category && task ? `${category}-${task}` : "");
  const known = { category: state.categories.some((each) => each.name === category), task: state.tasks.some((each) => each.name === task) };
  const change = useMemo(() => changes(category, task, known.category, known.task), [category, task, known.category, known.task]);
  const send = async (event: Event) => {
    event.preventDefault();
    if (!upload) return;
    add(true);
    try {
      if (state.dirty && !(await save())) return; // a teacher is written to the file
      const body = { upload: upload.upload, model: inspected.model, name: called, category, task, cut, example_shape: state.graph.input?.shape ?? null };
      take(await post<State>("teachers", body));
      say(`${called} has arrived.`);
      go("board", { at: `${category}:${task}` });
    } catch (error) {
      refuse(error);
    } finally {
      add(false);
    }
  };
  return (
    <form onSubmit={(event) => void send(event)}>
      <Cuts inspected={inspected} cut={cut} choose={setCut} />
      {inspected.notes.map((note, at) => (
        <p class="note" key={at}>{note}</p>
      ))}
      <div class="row">
        <Named label="Category" value={category} set={setCategory} options={state.categories.map((each) => each.name)} list="categories" placeholder="zebra" />
        <Named label="Task" value={task} set={setTask} options={state.tasks.map((each) => each.name)} list="tasks" placeholder="classify" />
        <Named label="Name" value={name} set={setName} options={[]} list="names" placeholder={called || "zebra-classify"} optional />
      </div>
      {category && task && (
        <p class="change">
          <b>What changes:</b> {change}
          {!known.task && inspected.output && ` It says: ${String(inspected.output["kind"] ?? "")}.`}
          {!known.task && inspected.output_problem && ` ${inspected.output_problem}`}
        </p>
      )}
      <div class="actions">
        <button class="primary big" disabled={!upload || !cut || adding || !NAME.test(category) || !NAME.test(task)}>
          {adding ? "Adding …" : state.dirty ? "Save and add the teacher" : "Add the teacher"}
        </button>
        {!upload && <span class="soft">Give its weights first.</span>}
      </div>
    </form>
  );
}

/** The good cut whose features the network knows already, else the first good one. */
function usual(state: State, { cuts }: Inspected): Cut | undefined {
  const ports = new Set([...state.categories, ...state.tasks].map((each) => String(each.port)));
  const good = cuts.filter((each) => each.recommended);
  return good.findLast((each) => ports.has(String(each.shape))) ?? good[0] ?? cuts[0];
}

function changes(category: string, task: string, knowsCategory: boolean, knowsTask: boolean): string {
  if (!knowsCategory && !knowsTask) return `the category ${category} and the task ${task} are new; this teacher gives both, so they fit together as they are.`;
  if (!knowsCategory) return `the category ${category} is new; an adapter will join it to ${task}, and all else stays as it is.`;
  if (!knowsTask) return `the task ${task} is new; an adapter will join ${category} to it unless this teacher gave ${category} too.`;
  return `no brick; it shows how ${category} → ${task} is fitted, and all else stays as it is.`;
}

function Named({ label, value, set, options, list, placeholder, optional = false }: { label: string; value: string; set: (value: string) => void; options: string[]; list: string; placeholder: string; optional?: boolean }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input list={list} value={value} required={!optional} placeholder={placeholder} pattern={NAME.source} spellcheck={false} onInput={(event) => set(event.currentTarget.value)} />
      <datalist id={list}>
        {options.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </label>
  );
}

function List({ state }: { state: State }) {
  if (!state.teachers.length) return null;
  return (
    <section class="arrived" aria-label="Teachers that have arrived">
      <h3>{count(state.teachers.length, "teacher")} so far</h3>
      <ul class="teacher-list">
        {state.teachers.map((each) => (
          <li key={each.name}>
            <button class="link" onClick={() => go("board", { at: `teacher:${each.name}` })}>{each.name}</button>
            <small>
              {each.category} → {each.task}, {each.model} cut at {each.cut}
            </small>
          </li>
        ))}
      </ul>
    </section>
  );
}
