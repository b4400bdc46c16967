import { useEffect, useMemo, useState } from "preact/hooks";
import { post, send } from "../api/client";
import type { Cut, Edit, Found, Inspected, Shape, State, Upload } from "../api/types";
import { Said } from "../parts/Said";
import { go, useRoute } from "../route";
import { refuse, save, say, take, useDraft } from "../store";
import { bytes, count, shape } from "../words";
import { Cuts } from "./Cuts";
import { bring, offersOf, useFound } from "./found";
import { takeUp } from "./handed";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.\-]*$/; // as an attribute it is read with the flag v

/** Weights that were sent, or that lie beside the graph file. */
interface Held {
  name: string;
  bytes: number;
  tensors: number;
  upload?: Upload;
  cut?: string;
}

/** From a file of weights to a teacher, in three steps: the file, the model, the cut and the names. */
export function Teachers() {
  const state = useDraft();
  const { given } = useRoute();
  const [path, setPath] = useState(given.get("path") ?? ":");
  const [category, task] = path.split(":");
  const [held, hold] = useState<Held | null>(null);
  const upload = held?.upload;
  const found = useFound(state);
  const [model, setModel] = useState(given.get("model") ?? "");
  const [inspected, setInspected] = useState<Inspected | null>(null);
  const [busy, work] = useState("");
  const [over, hover] = useState(false);
  const example = state.graph.input?.shape ?? null;

  const up = async (picked: File | undefined) => {
    if (!picked) return;
    const form = new FormData();
    form.set("file", picked, picked.name);
    work("Reading the file …");
    setInspected(null);
    try {
      const found = await send<Upload>("uploads", form);
      const next = { name: picked.name, bytes: found.bytes, tensors: found.tensors, upload: found };
      hold(next);
      if (model) await look(model, next);
    } catch (error) {
      refuse(error);
    } finally {
      work("");
    }
  };
  const choose = async ({ file, bytes, tensors }: Found) => {
    const offers = offersOf(state, found).filter((each) => each.weights === file);
    const offer = offers.find((each) => each.path === path) ?? offers[0];
    const next = { name: file, bytes, tensors, cut: offer?.cut };
    hold(next);
    setInspected(null);
    if (offer && path === ":") setPath(offer.path);
    if (offer) setModel(offer.model);
    if (offer || model) await look(offer?.model ?? model, next);
  };
  useEffect(() => {
    const file = takeUp();
    if (file) void up(file);
    else if (model && !given.get("weights")) void look(model);
  }, []);
  const asked = found.find((each) => each.file === given.get("weights"));
  useEffect(() => {
    if (asked && !held) void choose(asked);
  }, [asked?.file]);
  const look = async (wanted: string, weights = held) => {
    setInspected(null);
    if (!wanted.trim()) return;
    work("Looking into the model …");
    try {
      const found = await post<Inspected>("inspect", { model: wanted.trim(), example_shape: example, ...(weights && (weights.upload ? { upload: weights.upload.upload } : { weights: weights.name })) });
      setInspected(found);
      setModel(found.model); // with the arguments that its weights ask for
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
        <li class={held ? "done" : "now"}>
          <h3>Its weights</h3>
          {found.length > 0 && (
            <div class="chips" role="group" aria-label="Found in this workspace">
              <span class="soft">Found in this workspace:</span>
              {found.map((each) => (
                <button key={each.file} aria-pressed={held !== null && !upload && held.name === each.file} onClick={() => void choose(each)}>
                  {each.file}
                </button>
              ))}
            </div>
          )}
          <label
            class={`drop ${held ? "small" : ""} ${over ? "over" : ""}`}
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
            <b>{held ? held.name : "Drop a .safetensors or .pt file here"}</b>
            <span class="soft">{held ? `${count(held.tensors, "tensor")}, ${bytes(held.bytes)}; choose another` : "or choose a file"}</span>
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
        <li class={inspected ? "done" : held ? "now" : ""}>
          <h3>Its model</h3>
          <form
            class="row"
            onSubmit={(event) => {
              event.preventDefault();
              void look(model);
            }}
          >
            <label class="field">
              <span>A block, or torchvision:NAME, timm:NAME, with arguments if it has any</span>
              <input list="blocks" required value={model} placeholder={state.blocks[0] ?? "torchvision:resnet18"} spellcheck={false} onInput={(event) => setModel(event.currentTarget.value)} />
            </label>
            <datalist id="blocks">
              {state.blocks.map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
            <button class={held && !inspected ? "primary" : ""}>Look into it</button>
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
            <CutAndNames key={inspected.model + (upload?.upload ?? held?.name ?? "")} state={state} inspected={inspected} held={held} category={category ?? ""} task={task ?? ""} />
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
  held: Held | null;
  category: string;
  task: string;
}

function CutAndNames({ state, inspected, held, ...asked }: Last) {
  const [cut, setCut] = useState(() => usual(state, inspected, asked, held?.cut)?.module ?? "");
  const [category, setCategory] = useState(asked.category);
  const [task, setTask] = useState(asked.task);
  const [name, setName] = useState("");
  const [adding, add] = useState(false);
  const called = name || (category && task ? `${category}-${task}` : "");
  const known = { category: state.categories.some((each) => each.name === category), task: state.tasks.some((each) => each.name === task) };
  const chosen = inspected.cuts.find((each) => each.module === cut);
  const change = useMemo(() => changes(state, category, task, chosen), [state, category, task, chosen]);
  const upload = held?.upload;
  // A teacher is an edit of the draft where its files are here; a library's model has to be made a block first.
  const foreign = held && !upload && !state.blocks.includes(inspected.model);
  const missing: Edit[] = [
    ...(known.category ? [] : [{ op: "add" as const, section: "categories" as const, name: category, entry: {} }]),
    ...(known.task || !inspected.output ? [] : [{ op: "add" as const, section: "tasks" as const, name: task, entry: { output: inspected.output } }]),
  ];
  const arrived = () => {
    say(`${called} has arrived.`);
    go("board", { at: `${category}:${task}` });
  };
  const send = async (event: Event) => {
    event.preventDefault();
    if (!held) return;
    add(true);
    try {
      if (!upload) {
        if (await bring(state, { path: `${category}:${task}`, model: inspected.model, weights: held.name, cut }, name, missing)) arrived();
        return;
      }
      if (state.dirty && !(await save())) return; // a teacher is written to the file
      const body = { upload: upload.upload, model: inspected.model, name: called, category, task, cut, example_shape: state.graph.input?.shape ?? null };
      take(await post<State>("teachers", body));
      arrived();
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
        <p class="note" key={at}><Said text={note} /></p>
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
          {!known.task && inspected.output_problem && <Said text={` ${inspected.output_problem}`} />}
        </p>
      )}
      <div class="actions">
        <button class="primary big" disabled={!held || foreign || !cut || adding || !NAME.test(category) || !NAME.test(task)}>
          {adding ? "Adding …" : state.dirty && upload ? "Save and add the teacher" : "Add the teacher"}
        </button>
        {!held && <span class="soft">Give its weights first.</span>}
        {foreign && <span class="soft">Weights that lie here go with a block. For a library’s model, choose their file above.</span>}
      </div>
    </form>
  );
}

/** The cut that is asked for, else the good one whose features the network knows already, else the one in the middle of the work. */
function usual(state: State, { cuts }: Inspected, { category, task }: Names, asked = ""): Cut | undefined {
  const near = state.teachers.toSorted((one, other) => nearness(other) - nearness(one));
  function nearness(each: Names) {
    return 2 * Number(each.category === category) + Number(each.task === task);
  }
  for (const place of [asked, ...near.map((each) => each.cut)]) {
    const same = cuts.find((each) => each.module === place || each.names.includes(place));
    if (same) return same;
  }
  const here = portOf(state, category, task);
  const ports = new Set((here ? [here] : [...state.categories, ...state.tasks].map((each) => each.port)).map(String));
  const good = cuts.filter((each) => each.recommended);
  const fits = (each: Cut) => ports.has(String(each.shape));
  const known = good.findLast(fits) ?? cuts.findLast((each) => each.end && fits(each)) ?? cuts.findLast(fits);
  const unlike = ({ operations: [below, above] }: Cut) => Math.abs(below - above);
  return known ?? (good.length ? good : cuts).toSorted((one, other) => unlike(one) - unlike(other))[0];
}

interface Names {
  category: string;
  task: string;
}

const named = (bricks: { name: string; port: Shape }[], name: string) => bricks.find((each) => each.name === name);

/** The features that are passed where a teacher is to come: those of its category, else those that its task takes. */
function portOf(state: State, category: string, task: string): Shape {
  return named(state.categories, category)?.port ?? named(state.tasks, task)?.port ?? null;
}

function changes(state: State, category: string, task: string, cut: Cut | undefined): string {
  const owner = named(state.categories, category);
  const user = named(state.tasks, task);
  const port = portOf(state, category, task);
  // Tokens and vectors become maps when they arrive: only maps can be compared before.
  const other = port?.length === 3 && cut?.shape.length === 3 && String(port) !== String(cut.shape) ? shape(cut.shape) : "";
  if (!owner && !user) return `the category ${category} and the task ${task} are new; this teacher gives both, so they fit together as they are.`;
  if (!owner) return `the category ${category} is new; an adapter will join it to ${task}${other && `, from ${other} to ${shape(port)}`}, and all else stays as it is.`;
  const bridged = other
    ? ` ${category} stays cut where it gives ${shape(port)}. This teacher would be cut where it gives ${other}: the two are matched at the image, which takes longer and is less like the teacher than one cut for both.`
    : ` Where its part below the cut is another than ${category}'s, the two are matched at the image.`;
  if (!user) return `the task ${task} is new; an adapter will join ${category} to it unless this teacher gave ${category} too.${bridged}`;
  return `no brick; it shows how ${category} → ${task} is fitted, and all else stays as it is.${bridged}`;
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
