import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Edge, PlannedEdge, Plans } from "../api/types";
import { Empty } from "../parts/fields";
import { useAnswer } from "../parts/load";
import { Said } from "../parts/Said";
import { go, useRoute } from "../route";
import { fit } from "../runs/fit";
import { edit, useDraft } from "../store";
import { about, count, duration, figure, measured, percent } from "../words";

const ACTIONS: Record<PlannedEdge["action"], string> = {
  add: "fit",
  refit: "fit again",
  remove: "remove",
  keep: "keep",
  native: "as it is",
  open: "open",
};
/** How fast the machine is, the server measures when a plan is first asked for; milliseconds until it is asked again. */
const MEASURED_AFTER = [5000, 10000];
const BUDGET = /^\d+(\.\d+)? ?[smhd]?$/;

export function Plan() {
  const state = useDraft();
  const { given } = useRoute();
  const [budget, setBudget] = useState("");
  const valid = budget === "" || BUDGET.test(budget.trim());
  const query = budget.trim() && valid ? `?budget=${encodeURIComponent(budget.trim())}` : "";
  const { answer, again } = useAnswer<Plans>(`plan${query}`, state.revision + state.etag);
  const waits = useRef([...MEASURED_AFTER]);
  useEffect(() => {
    if (!answer?.after.totals.unknown || !waits.current.length) return;
    const timer = setTimeout(again, waits.current.shift());
    return () => clearTimeout(timer);
  }, [answer]);
  const [left, leave] = useState<ReadonlySet<string>>(new Set());
  const [folders, setFolders] = useState<Record<string, string>>({});
  const only = given.get("only");
  const before = useMemo(() => new Map(answer?.before?.edges.map((edge) => [lineOf(edge), edge]) ?? []), [answer]);

  if (!answer) return <p class="waiting">Working out the plan …</p>;
  const connected = new Set(state.edges.filter((edge) => edge.connected).map((edge) => edge.path));
  const edges = answer.after.edges.filter((edge) => edge.action !== "open" || connected.has(edge.path));
  const jobs = edges.filter((edge) => edge.action === "add" || edge.action === "refit");
  const fits = new Set(answer.after.chosen);
  const labelled = edges.filter((edge) => edge.action === "open" && folders[edge.path]?.trim() && (!only || edge.path === only));
  const chosen = jobs.filter((edge) => fits.has(edge.path) && !left.has(edge.path) && (!only || edge.path === only));
  const wanted = [...chosen, ...labelled];
  const seconds = wanted.reduce((sum, edge) => sum + (edge.cost?.seconds ?? 0), 0);
  const unknown = wanted.filter((edge) => edge.cost?.seconds == null).length;
  const rest = edges.filter((edge) => !jobs.includes(edge));
  const told = rest.filter((edge) => edge.action === "remove" || edge.action === "open" || changed(edge, before));
  const calm = rest.filter((edge) => !told.includes(edge));
  const samples = Object.fromEntries(labelled.map((edge) => [edge.path, folders[edge.path]!.trim()]));
  const all = chosen.length === jobs.length && !labelled.length;
  const start = () => fit(state.dirty, { only: all ? [] : wanted.map((edge) => edge.path), samples });
  const known = new Map(state.edges.map((edge) => [edge.path, edge]));
  const row = (edge: PlannedEdge) => (
    <Row
      key={lineOf(edge)}
      edge={edge}
      before={before.get(lineOf(edge))}
      known={known.get(edge.path)}
      folder={edge.action === "open" && !state.read_only ? { name: folders[edge.path] ?? "", set: (name) => setFolders({ ...folders, [edge.path]: name }) } : undefined}
      choice={jobs.includes(edge) ? { on: wanted.includes(edge), fits: fits.has(edge.path) && (!only || edge.path === only), flip: () => leave(flipped(left, edge.path)) } : undefined}
    />
  );
  if (!edges.length)
    return (
      <Empty title="There is nothing to plan yet">
        <p>Connect a category to a task on the board, and this page says what that takes.</p>
        <button class="primary" onClick={() => go("board")}>Go to the board</button>
      </Empty>
    );
  return (
    <div class="page plan">
      <div class="page-head">
        <h2>{jobs.length ? `${count(jobs.length, "connection")} to fit` : "Everything is fitted"}</h2>
        <p class="soft">
          {state.dirty ? "With your unsaved edits; what they change is marked." : "As the graph file says."}
          {only && (
            <>
              {" "}
              Only {only}. <button class="link" onClick={() => go("plan")}>Show all</button>
            </>
          )}
        </p>
      </div>
      {answer.problems.map((problem, at) => (
        <p key={at} class="problem"><Said text={problem.text} /></p>
      ))}
      {(jobs.length > 0 || labelled.length > 0) && (
        <div class="do">
          <div>
            <b>{wanted.length ? figure(wanted.length) : "None"} of {jobs.length + labelled.length} chosen</b>
            <span class="soft">
              {wanted.length > unknown && about(seconds)}
              {unknown > 0 && (wanted.length > unknown ? `, and ${figure(unknown)} of which it is not known yet` : "how long is not known yet")}
            </span>
          </div>
          <label class="field inline">
            <span>Time to spend</span>
            <input size={7} value={budget} placeholder="all of it" aria-invalid={!valid} title="Such as 30s, 10m or 2h: the most useful that fits" onInput={(event) => setBudget(event.currentTarget.value)} />
          </label>
          <button class="primary big" disabled={!wanted.length || !valid || state.read_only} onClick={() => void start()}>
            {state.dirty ? "Save and fit" : "Fit"}
          </button>
        </div>
      )}
      {!jobs.length && !labelled.length && (
        <div class="do">
          <div>
            <b>Nothing to do</b>
            <span class="soft">{told.some((edge) => edge.action === "open") ? "What is open waits for a teacher or for labelled images." : "All connections are as the network says."}</span>
          </div>
          <button class="primary big" onClick={() => go("try")}>Try an image</button>
        </div>
      )}
      {(jobs.length > 0 || told.length > 0) && <Table label="What would be done">{[...jobs, ...told].map(row)}</Table>}
      {[...answer.after.weak.map(weakness), ...answer.after.notes].map((note) => (
        <p key={note} class="note"><Said text={note} /></p>
      ))}
      {answer.after.offers.map((offer) => (
        <p key={offer.task} class="note">
          {offer.teacher} is recorded better than {offer.giver}, which gives {offer.task}. To take it, {count(offer.refits, "adapter")} would be fitted again
          {offer.seconds !== null && `, ${about(offer.seconds)}`}.{" "}
          {!state.read_only && (
            <button class="link" onClick={() => void edit({ op: "change", section: "tasks", name: offer.task, entry: { ...state.graph.tasks?.[offer.task], teacher: offer.teacher } })}>
              Take it
            </button>
          )}
        </p>
      ))}
      {calm.length > 0 && (
        <details class="more" open={!jobs.length && calm.length <= 40}>
          <summary>{count(calm.length, "connection")} {calm.length === 1 ? "stays" : "stay"} as {calm.length === 1 ? "it is" : "they are"}</summary>
          <Table label="What stays as it is" last="What is known">{calm.map(row)}</Table>
        </details>
      )}
    </div>
  );
}

function weakness({ path, agreement, least, most, help }: Plans["after"]["weak"][number]): string {
  const [category, task] = path.split(":");
  return `${category} → ${task} is weak: it is expected to decide as its teacher on ${percent(agreement, 0)} of images (${percent(least, 0)} to ${percent(most, 0)}). Most help would be ${help}.`;
}

function flipped(set: ReadonlySet<string>, path: string): Set<string> {
  const next = new Set(set);
  if (!next.delete(path)) next.add(path);
  return next;
}

/** A path may have two lines: it waits for a teacher, and the adapter that it had goes. */
function lineOf(edge: PlannedEdge): string {
  return edge.action === "remove" ? `${edge.path} removed` : edge.path;
}

function changed(edge: PlannedEdge, before: Map<string, PlannedEdge>): boolean {
  return before.size > 0 && before.get(lineOf(edge))?.action !== edge.action;
}

function Table({ label, last = "Takes", children }: { label: string; last?: string; children: preact.ComponentChildren }) {
  return (
    <table class="list" aria-label={label}>
      <thead>
        <tr>
          <th scope="col"><span class="hidden">Chosen</span></th>
          <th scope="col">Connection</th>
          <th scope="col">To do</th>
          <th scope="col">Why</th>
          <th scope="col" class="number">{last}</th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

interface RowProps {
  edge: PlannedEdge;
  before: PlannedEdge | undefined;
  known: Edge | undefined;
  folder?: { name: string; set: (name: string) => void };
  choice?: { on: boolean; fits: boolean; flip: () => void };
}

function Row({ edge, before, known, folder, choice }: RowProps) {
  const other = before?.action ?? "nothing";
  const differs = (before?.action ?? null) !== edge.action;
  return (
    <tr class={differs ? "differs" : ""}>
      <td>
        {choice && <input type="checkbox" checked={choice.on} disabled={!choice.fits} aria-label={`Fit ${edge.path}`} title={choice.fits ? undefined : "Does not fit into the time"} onChange={choice.flip} />}
      </td>
      <th scope="row">
        <button class="link" onClick={() => go("board", { at: edge.path })}>{edge.path.replace(":", " → ")}</button>
      </th>
      <td>
        <span class={`pill state-${STATES[edge.action]}`}>{ACTIONS[edge.action]}</span>
        {differs && <small class="was">was: {before ? ACTIONS[before.action] : other}</small>}
      </td>
      <td class="why">
        <Said text={edge.reason} />
        {edge.method && (edge.action === "add" || edge.action === "refit") && <small> by {edge.method}</small>}
        {folder && (
          <label class="field">
            <span>Folder of labelled images</span>
            <input value={folder.name} placeholder="images/cat" spellcheck={false} onInput={(event) => folder.set(event.currentTarget.value)} />
          </label>
        )}
      </td>
      <td class="number" title={edge.cost?.basis}>
        {choice && (edge.cost?.seconds != null ? duration(edge.cost.seconds) : "not known yet")}
        {(edge.action === "keep" || edge.action === "native") && known && <Known edge={known} />}
      </td>
    </tr>
  );
}

/** The estimate, and beside it what was measured. */
function Known({ edge }: { edge: Edge }) {
  return (
    <>
      {edge.agreement !== null && <span title="Estimated">agrees {percent(edge.agreement, 0)}</span>}
      {edge.error !== null && (
        <small title="Measured on labelled images">
          {edge.measure || "error"} {measured(edge.error)}
        </small>
      )}
    </>
  );
}

const STATES: Record<PlannedEdge["action"], string> = { add: "planned", refit: "refit", remove: "removed", keep: "built", native: "native", open: "open" };
