import { useEffect, useState } from "preact/hooks";
import { blob, get, post } from "../api/client";
import type { Export as Made } from "../api/types";
import { Empty } from "../parts/fields";
import { useAnswer } from "../parts/load";
import { Said } from "../parts/Said";
import { go, useRoute } from "../route";
import { refuse, useDraft } from "../store";
import { bytes, isReady } from "../words";

const FORMS: [Made["form"], string, string][] = [
  ["pt2", "PyTorch", "One .pt2 file: torch.export.load, without legonet."],
  ["onnx", "ONNX", "One .onnx file, for onnxruntime and many others."],
  ["folder", "Folder", "The compiled network and what it needs, as a .zip."],
];

export function Export() {
  const state = useDraft();
  const { given } = useRoute();
  const ready = state.edges.filter((edge) => isReady(edge.state)).map((edge) => edge.path);
  const [form, setForm] = useState<Made["form"]>("pt2");
  const [paths, setPaths] = useState<string[]>(() => {
    const application = state.applications[given.get("only") ?? ""];
    return (application ?? ready).filter((path) => ready.includes(path));
  });
  const [now, show] = useState<string | null>(null);
  const [sent, send] = useState(false);
  const { answer, again } = useAnswer<{ exports: Made[] }>("exports");
  const groups = [["all", ready] as const, ...Object.entries(state.applications)];

  if (!ready.length)
    return (
      <Empty title="There is nothing to export yet">
        <p>Fit a connection, and take the network away from here as a single file.</p>
        <button class="primary" onClick={() => go("board")}>Go to the board</button>
      </Empty>
    );
  const start = async () => {
    send(true);
    try {
      const { id } = await post<{ id: string }>("exports", { paths, form });
      show(id);
    } catch (error) {
      refuse(error);
    } finally {
      send(false);
    }
  };
  return (
    <div class="page export">
      <div class="page-head">
        <h2>Take the network with you</h2>
        <p class="soft">The chosen connections as one network that runs without the studio. What they share is computed once.</p>
      </div>
      <fieldset class="forms">
        <legend class="hidden">Form</legend>
        {FORMS.map(([key, name, text]) => (
          <label key={key} class="form-choice">
            <input type="radio" name="form" value={key} checked={form === key} onChange={() => setForm(key)} />
            <b>{name}</b>
            <span class="soft">{text}</span>
          </label>
        ))}
      </fieldset>
      <fieldset class="paths">
        <legend>Connections</legend>
        <div class="chips">
          {groups.map(([name, members]) => {
            const usable = members.filter((path) => ready.includes(path));
            if (!usable.length) return null;
            const on = usable.length === paths.length && usable.every((path) => paths.includes(path));
            return (
              <button key={name} type="button" aria-pressed={on} onClick={() => setPaths(usable)}>
                {name}
              </button>
            );
          })}
        </div>
        <div class="columns">
          {ready.map((path) => (
            <label class="check" key={path}>
              <input type="checkbox" checked={paths.includes(path)} onChange={(event) => setPaths(event.currentTarget.checked ? ready.filter((each) => each === path || paths.includes(each)) : paths.filter((each) => each !== path))} />{" "}
              {path.replace(":", " → ")}
            </label>
          ))}
        </div>
      </fieldset>
      <div class="actions">
        <button class="primary big" disabled={!paths.length || sent || state.read_only} onClick={() => void start()}>Export</button>
        {state.read_only && <span class="soft">The studio was started to read only.</span>}
      </div>
      {now && <One key={now} id={now} ended={again} />}
      {answer?.exports.filter((each) => each.id !== now).map((each) => <Card key={each.id} made={each} />)}
    </div>
  );
}

const ASK_EVERY = 700;

function One({ id, ended }: { id: string; ended: () => void }) {
  const [made, keep] = useState<Made | null>(null);
  useEffect(() => {
    let timer = 0;
    const read = async () => {
      try {
        const found = await get<Made>(`exports/${encodeURIComponent(id)}`);
        keep(found);
        if (found.state === "running") timer = window.setTimeout(() => void read(), ASK_EVERY);
        else ended();
      } catch (error) {
        refuse(error);
      }
    };
    void read();
    return () => clearTimeout(timer);
  }, [id]);
  return made ? <Card made={made} open /> : <p class="waiting">Starting …</p>;
}

const STATES: Record<Made["state"], string> = { running: "being written …", done: "ready", failed: "failed", lost: "broke off" };

function Card({ made, open = false }: { made: Made; open?: boolean }) {
  const download = async () => {
    try {
      const found = await blob(`exports/${encodeURIComponent(made.id)}/file`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(found);
      link.download = made.form === "folder" ? "network.zip" : `network.${made.form}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      refuse(error);
    }
  };
  return (
    <section class={`made made-${made.state}`} aria-label={`Export ${made.form}`}>
      <div class="job-head">
        <b>{FORMS.find(([key]) => key === made.form)?.[1]}</b>
        <span class={`pill made-${made.state}`} role="status">{STATES[made.state]}</span>
        <small>
          {made.paths.length <= 3 ? made.paths.join(", ") : `${made.paths.length} connections`}
          {made.bytes !== null && `, ${bytes(made.bytes)}`}
          {made.difference !== null && `, read again: outputs ${made.difference ? `differ by at most ${made.difference.toExponential(1)}` : "are the same"}`}
        </small>
        {made.state === "done" && <button class={open ? "primary" : ""} onClick={() => void download()}>Download</button>}
      </div>
      {made.state === "running" && <span class="bar moving" role="progressbar" aria-label="The export is written"><i /></span>}
      {made.message && <p class={made.state === "failed" ? "problem" : "note"}><Said text={made.message} /></p>}
      {made.table && (
        <details class="more" open={open}>
          <summary>What was compiled, and why</summary>
          <pre class="table-text" tabIndex={0}>{made.table}</pre>
        </details>
      )}
    </section>
  );
}
