import { useState } from "preact/hooks";
import type { Adapter, Edge } from "../api/types";
import { Bar, Choice, Fact, Facts } from "../parts/fields";
import { Said } from "../parts/Said";
import { go } from "../route";
import { fit } from "../runs/fit";
import { edit, measure } from "../store";
import { duration, isReady, MEANING, measured, methodOf, noted, percent } from "../words";
import { MethodSettings } from "./MethodSettings";
import { OfferedTeacher } from "./OfferedTeacher";
import type { PanelProps } from "./Panel";
import { Remove } from "./Remove";

const KERNELS = [1, 3, 5, 7, 9, 11].map((size): [string, string] => [String(size), `${size} × ${size}`]);

/** A connection: what is known of it, its adapter, and what to do next. */
export function PathPanel({ state, edge, choose, offers }: PanelProps & { edge: Edge }) {
  const teacher = state.teachers.find((each) => each.name === edge.teacher);
  const offer = edge.state === "open" && !state.read_only && offers.find((each) => each.path === edge.path);
  const fixed = state.read_only || !edge.adapter || edge.state === "removed";
  return (
    <>
      <p class="kind">Connection</p>
      <h2>
        <button class="link" onClick={() => choose(`category:${edge.category}`)}>{edge.category}</button> →{" "}
        <button class="link" onClick={() => choose(`task:${edge.task}`)}>{edge.task}</button>
      </h2>
      <p>
        <span class={`pill state-${edge.state}`}>{MEANING[edge.state]}</span>
      </p>
      {offer ? <OfferedTeacher state={state} offer={offer} /> : edge.reason && <p class="soft"><Said text={edge.reason} /></p>}
      <Measured edge={edge} />
      <Measure key={edge.path} state={state} edge={edge} />
      {edge.adapter && <AdapterFields state={state} edge={edge} fixed={fixed} />}
      <Facts>
        {edge.teacher && (
          <Fact name="Taught by">
            <button class="link" onClick={() => choose(`teacher:${edge.teacher}`)}>{edge.teacher}</button>
          </Fact>
        )}
        {edge.layers.length > 0 && <Fact name="Layers">{edge.layers.join(", ")}</Fact>}
        {edge.cost?.seconds != null && (edge.state === "planned" || edge.state === "refit") && <Fact name="Takes about">{duration(edge.cost.seconds)}</Fact>}
      </Facts>
      {edge.notes.length > 0 && (
        <ul class="notes">
          {edge.notes.map((note, at) => (
            <li key={at}><Said text={noted(edge.path, note)} /></li>
          ))}
        </ul>
      )}
      <div class="actions">
        {(edge.state === "planned" || edge.state === "refit") && !state.read_only && (
          <button class="primary" onClick={() => void fit(state.dirty, { only: [edge.path] })}>Fit this</button>
        )}
        {isReady(edge.state) && (
          <button class="primary" onClick={() => go("try", { path: edge.path })}>Try an image</button>
        )}
        {edge.state === "open" && !state.read_only && (
          <>
            {!offer && <button class="primary" onClick={() => go("teachers", { path: edge.path })}>Add its teacher</button>}
            <button onClick={() => go("plan", { only: edge.path })}>Use labelled images</button>
          </>
        )}
        {edge.own && !state.read_only && (
          <Remove label={edge.teacher ? "Settings of the task again" : "Disconnect"} edit={{ op: "disconnect", path: edge.path }} />
        )}
        {!edge.own && teacher && !teacher.gave_category && !teacher.gave_task && !state.read_only && (
          <Remove label="Remove with its teacher" edit={{ op: "remove", section: "teachers", name: teacher.name }} />
        )}
      </div>
    </>
  );
}

/** The estimate beside what was measured. */
function Measured({ edge }: { edge: Edge }) {
  const rows: [string, number][] = [];
  if (edge.error !== null) rows.push(["this path", edge.error]);
  if (edge.teacher_error !== null) rows.push(["its teacher", edge.teacher_error]);
  if (edge.unadapted_error !== null) rows.push(["without an adapter", edge.unadapted_error]);
  if (edge.agreement === null && !rows.length) return null;
  return (
    <section class="measured">
      {edge.agreement !== null && (
        <div class="measure">
          <span>agrees with its teacher, estimated</span>
          <b>{percent(edge.agreement)}</b>
          <Bar share={edge.agreement} label="Agreement with its teacher" tone={edge.state === "weak" ? "bad" : "good"} />
          {edge.agreement_from !== null && edge.agreement_to !== null && (
            <small>
              between {percent(edge.agreement_from)} and {percent(edge.agreement_to)}
            </small>
          )}
        </div>
      )}
      {rows.map(([name, value]) => (
        <div class="measure" key={name}>
          <span>
            {edge.measure || "error"}, {name}
          </span>
          <b>{measured(value)}</b>
          {value <= 1 && <Bar share={value} label={`${edge.measure || "error"}, ${name}`} />}
        </div>
      ))}
    </section>
  );
}

/** Kinds of outputs that folders of images have labels for. */
const MEASURABLE = new Set(["binary", "classes", "mask"]);

/** What was not measured yet is measured by one click, on a folder of labelled images. */
function Measure({ state, edge }: { state: Draft; edge: Edge }) {
  const { running, data, message } = state.measuring;
  const [folder, setFolder] = useState(data || "images");
  const kind = state.tasks.find((each) => each.name === edge.task)?.kind ?? "";
  if (state.read_only || edge.error !== null || !isReady(edge.state) || !MEASURABLE.has(kind)) return null;
  if (running) return <p class="soft" role="status">Measured figures are on their way …</p>;
  return (
    <details class="more measure-it">
      <summary>Measure it on labelled images</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void measure(folder.trim(), [edge.path]);
        }}
      >
        <label class="field">
          <span>Folder in the workspace, with one for each category</span>
          <input required value={folder} spellcheck={false} onInput={(event) => setFolder(event.currentTarget.value)} />
        </label>
        <button disabled={state.dirty} title={state.dirty ? "Save first" : undefined}>Measure</button>
      </form>
      {message && <p class="problem"><Said text={message} /></p>}
    </details>
  );
}

type Draft = PanelProps["state"];

function AdapterFields({ state, edge, fixed }: { state: Draft; edge: Edge; fixed: boolean }) {
  const adapter = edge.adapter!;
  const set = (settings: Partial<Adapter>) => void edit({ op: "connect", path: edge.path, settings });
  const method = methodOf(adapter);
  return (
    <fieldset class="adapter" disabled={fixed}>
      <legend>Adapter</legend>
      <div class="pair">
        <Choice label="Kernel" value={String(adapter.kernel ?? 3)} options={KERNELS} onChange={(value) => set({ kernel: Number(value) })} />
        <label class="field">
          <span>Depth</span>
          <input
            type="number"
            min={1}
            max={64}
            value={adapter.depth ?? 1}
            onChange={(event) => {
              const depth = event.currentTarget.valueAsNumber;
              if (depth >= 1 && depth <= 64) set({ depth });
              else event.currentTarget.value = String(adapter.depth ?? 1);
            }}
          />
        </label>
      </div>
      <Choice label="Method" value={method} options={Object.keys(state.methods)} onChange={(value) => set({ method: value })} />
      <MethodSettings key={method} schema={state.methods[method]} method={method} settings={adapter.method} set={(settings) => set({ method: settings })} />
    </fieldset>
  );
}
