import { useEffect, useState } from "preact/hooks";
import { get, post } from "../api/client";
import { follow } from "../api/events";
import type { Edge, Job, Run } from "../api/types";
import { Bar, Empty } from "../parts/fields";
import { useAnswer } from "../parts/load";
import { Said } from "../parts/Said";
import { go, useRoute } from "../route";
import { refresh, refuse, useDraft } from "../store";
import { about, count, duration, figure, isReady, measured, noted, percent } from "../words";
import { fit } from "./fit";

const READ_EVERY = 300;
const STATES: Record<Run["state"], string> = {
  running: "running",
  done: "done",
  failed: "failed",
  stopped: "stopped",
  lost: "broke off",
};

export function Runs() {
  const state = useDraft();
  const { given } = useRoute();
  const { answer, again } = useAnswer<{ runs: Run[] }>("runs");
  const runs = answer?.runs ?? [];
  const id = given.get("id") ?? runs.find((run) => run.state === "running")?.id ?? runs[0]?.id ?? null;
  if (!answer) return <p class="waiting">Reading the runs …</p>;
  if (!id) {
    const jobs = state.edges.filter((edge) => edge.state === "planned" || edge.state === "refit").length;
    const known = state.edges.some((edge) => edge.connected && isReady(edge.state));
    return (
      <Empty title={known ? "No run of this network yet" : "Nothing has been fitted yet"}>
        <p>{!jobs && known ? "What is fitted was fitted elsewhere. Connect a category to a task, and see here how it is fitted." : jobs ? `${count(jobs, "connection")} ${jobs === 1 ? "waits" : "wait"} to be fitted.` : "Connect a category to a task on the board first."}</p>
        {jobs > 0 && !state.read_only ? (
          <button class="primary big" onClick={() => void fit(state.dirty)}>Fit</button>
        ) : (
          <button class="primary" onClick={() => go("board")}>Go to the board</button>
        )}
      </Empty>
    );
  }
  return (
    <div class="page runs">
      <One key={id} id={id} ended={again} />
      <History runs={runs} shown={id} />
    </div>
  );
}

/** A run, read again whenever one of its events says that something has happened. */
function useRun(id: string, ended: () => void): Run | null {
  const [run, keep] = useState<Run | null>(null);
  useEffect(() => {
    const stopped = new AbortController();
    const path = `runs/${encodeURIComponent(id)}`;
    let waiting = 0;
    const read = async () => {
      waiting = 0;
      const found = await get<Run>(path, stopped.signal);
      keep(found);
      return found;
    };
    const heard = () => {
      waiting ||= window.setTimeout(() => void read().catch(() => undefined), READ_EVERY);
    };
    const watch = async () => {
      if ((await read()).state !== "running") return;
      await follow(`${path}/events`, heard, stopped.signal);
      for (let last = await read(); last.state === "running"; last = await read()) {
        await new Promise((go) => setTimeout(go, 2 * READ_EVERY));
      }
      ended();
      await refresh();
    };
    watch().catch((error) => stopped.signal.aborted || refuse(error));
    return () => {
      stopped.abort();
      clearTimeout(waiting);
    };
  }, [id]);
  return run;
}

function One({ id, ended }: { id: string; ended: () => void }) {
  const state = useDraft();
  const run = useRun(id, ended);
  const [stopping, stop] = useState(false);
  if (!run) return <p class="waiting">Reading the run …</p>;
  const later = run.jobs.filter((job) => job.state === "planned");
  const jobs = run.jobs.filter((job) => job.state !== "planned");
  const done = jobs.filter((job) => ENDED.has(job.state)).length;
  const undone = jobs.filter((job) => !ENDED.has(job.state)).map((job) => job.path);
  const left = Math.max(0, ...run.jobs.map((job) => job.left ?? 0));
  const edges = new Map(state.edges.map((edge) => [edge.path, edge]));
  const halt = () => {
    stop(true);
    post(`runs/${encodeURIComponent(id)}/stop`).catch((error) => {
      stop(false);
      refuse(error);
    });
  };
  return (
    <section class={`run run-${run.state}`} aria-label="Run">
      <div class="page-head">
        <h2>
          {run.state === "running" ? "Fitting" : run.state === "done" ? "Fitted" : STATES[run.state][0]!.toUpperCase() + STATES[run.state].slice(1)}{" "}
          <small>
            {done} of {jobs.length}
          </small>
        </h2>
        <p class="soft">
          {when(run.started)}
          {run.finished && `, took ${duration(run.finished - run.started)}`}
          {run.state === "running" && left > 0 && `, ${about(left)} left`}
        </p>
      </div>
      {run.state === "running" && <Bar share={share(jobs)} label="The whole run" tone="whole" />}
      {run.message && <pre class={run.state === "failed" || run.state === "lost" ? "problem" : "message"}><Said text={run.message} /></pre>}
      <ul class="jobs" aria-live="polite">
        {jobs.map((job) => (
          <OneJob key={job.path} job={job} edge={edges.get(job.path)} />
        ))}
      </ul>
      {later.length > 0 && run.state !== "running" && (
        <p class="soft">
          {count(later.length, "connection")} {later.length === 1 ? "was" : "were"} not part of it: <button class="link" onClick={() => go("plan")}>see the plan</button>.
        </p>
      )}
      <div class="actions">
        {run.state === "running" && !state.read_only && (
          <button disabled={stopping} onClick={halt}>{stopping ? "Stopping …" : "Stop"}</button>
        )}
        {run.state !== "running" && undone.length > 0 && !state.read_only && (
          <button class="primary big" onClick={() => void fit(state.dirty, { only: undone.filter((path) => edges.has(path)) })}>Go on</button>
        )}
        {run.state === "done" && (
          <button class="primary big" onClick={() => go("try", jobs.length === 1 ? { path: jobs[0]!.path } : {})}>Try an image</button>
        )}
      </div>
      {run.command && (
        <details class="more">
          <summary>The same on a command line</summary>
          <pre class="message">{run.command}</pre>
        </details>
      )}
    </section>
  );
}

function share(jobs: Job[]): number {
  const parts = jobs.map((job) => (ENDED.has(job.state) || job.state === "failed" ? 1 : job.step && job.steps ? job.step / job.steps : 0));
  return parts.reduce((sum, part) => sum + part, 0) / Math.max(1, jobs.length);
}

function when(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** Nothing is left to do for these. */
const ENDED = new Set(["done", "reused", "removed"]);

const JOB_STATES: Record<string, string> = {
  waiting: "waits",
  running: "at work",
  done: "fitted",
  failed: "failed",
  retry: "tried again",
  planned: "left for later",
  reused: "taken over: it was fitted before",
  removed: "removed",
};

function OneJob({ job, edge }: { job: Job; edge: Edge | undefined }) {
  const running = job.state === "running" || job.state === "retry";
  const weak = job.state === "done" && edge?.state === "weak";
  return (
    <li class={`job job-${job.state}`}>
      <div class="job-head">
        <button class="link" onClick={() => go("board", { at: job.path })}>{job.path.replace(":", " → ")}</button>
        <span class={`pill job-${job.state}`}>{JOB_STATES[job.state] ?? job.state}</span>
        {weak && <span class="pill state-weak">weak</span>}
        <small>
          {job.seconds !== null && duration(job.seconds)}
          {running && job.left !== null && `, ${duration(job.left)} left`}
          {running && job.loss !== null && `, loss ${figure(job.loss)}`}
        </small>
      </div>
      {running && (job.steps ? <Bar share={(job.step ?? 0) / job.steps} label={`Steps of ${job.path}`} /> : <span class="bar moving" role="progressbar" aria-label={`${job.path} is fitted`}><i /></span>)}
      {job.message && <p class="problem"><Said text={job.message} /></p>}
      {job.state === "done" && <Quality job={job} edge={edge} />}
      {job.notes.map((note, at) => (
        <p key={at} class="note"><Said text={noted(job.path, note)} /></p>
      ))}
    </li>
  );
}

/** The estimate, and beside it what was measured, where there are labelled images. */
function Quality({ job, edge }: { job: Job; edge: Edge | undefined }) {
  const agreement = job.quality["agreement"];
  const [from, to] = [job.quality["agreement from"], job.quality["agreement to"]];
  const others = Object.entries(job.quality).filter(([name]) => !name.startsWith("agreement"));
  return (
    <div class="quality">
      {agreement !== undefined && (
        <p>
          agrees with its teacher <b>{percent(agreement)}</b>
          <small>
            {" "}
            estimated{from !== undefined && to !== undefined && `, between ${percent(from)} and ${percent(to)}`}
          </small>
        </p>
      )}
      {edge?.error != null && (
        <p>
          {edge.measure || "error"} <b>{measured(edge.error)}</b>
          <small>
            {" "}
            measured{edge.teacher_error !== null && `; its teacher ${measured(edge.teacher_error)}`}
          </small>
        </p>
      )}
      {others.length > 0 && (
        <p class="soft">
          {others.map(([name, value]) => `${name.replaceAll("_", " ")} ${figure(value)}`).join(" · ")}
        </p>
      )}
    </div>
  );
}

function fitted(run: Run): string {
  const paths = run.jobs.filter((job) => job.state !== "planned").map((job) => job.path);
  return paths.length === 1 ? paths[0]! : count(paths.length, "connection");
}

function History({ runs, shown }: { runs: Run[]; shown: string }) {
  return (
    <section class="history" aria-label="History">
      <h3>History</h3>
      <ul>
        {runs.map((run) => (
          <li key={run.id}>
            <a href={`#/runs?id=${encodeURIComponent(run.id)}`} aria-current={run.id === shown ? "true" : undefined}>
              <span class={`dot run-${run.state}`} aria-hidden="true" />
              {when(run.started)}
              <small>
                {STATES[run.state]}, {fitted(run)}
              </small>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
