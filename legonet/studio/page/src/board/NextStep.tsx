import type { State } from "../api/types";
import { go } from "../route";
import { fit } from "../runs/fit";
import { bring, type Offer } from "../teachers/found";
import { about, count } from "../words";

/** One sentence about where the network stands, and the one button that leads on. */
export function NextStep({ state, offers }: { state: State; offers: Offer[] }) {
  const jobs = state.edges.filter((edge) => edge.state === "planned" || edge.state === "refit");
  const open = state.edges.filter((edge) => edge.state === "open");
  const seconds = jobs.reduce((sum, edge) => sum + (edge.cost?.seconds ?? 0), 0);
  const known = jobs.length > 0 && jobs.every((edge) => edge.cost?.seconds != null);
  const connected = new Set(state.edges.filter((edge) => edge.connected).map((edge) => edge.path));
  const left = offers.find((each) => !connected.has(each.path))?.path.split(":");
  let text = left
    ? `Drag from ${left[0]} to ${left[1]} to connect them${state.edges.length ? "; all else is fitted" : ""}.`
    : state.edges.length ? "Everything is fitted." : "Drag from a category to a task to connect them.";
  let lead = !state.edges.length ? null : <button class="primary" onClick={() => go("try")}>Try an image</button>;
  if (state.categories.length + state.teachers.length === 0) {
    text = "Start with a trained model: it becomes a category brick and a task brick.";
    lead = <button class="primary" onClick={() => go("teachers")}>Add a teacher</button>;
  } else if (jobs.length && !state.read_only) {
    const first = jobs.length === 1 ? jobs[0]!.path.replace(":", " → ") : count(jobs.length, "connection");
    text = `${first} ${jobs.length === 1 ? "is" : "are"} ready to be fitted${known ? `, ${about(seconds)}` : ""}.`;
    lead = (
      <>
        <button onClick={() => go("plan")}>See the plan</button>
        <button class="primary" onClick={() => void fit(state.dirty)}>Fit</button>
      </>
    );
  } else if (open.length && !state.read_only) {
    const { path } = open[0]!;
    const offer = offers.find((each) => each.path === path);
    text = `${path.replace(":", " → ")} waits for a teacher that shows how it is done${offer ? "; one is here" : ""}.`;
    lead = offer ? (
      <button class="primary" onClick={() => void bring(state, offer)}>Bring it</button>
    ) : (
      <button class="primary" onClick={() => go("teachers", { path })}>Add a teacher</button>
    );
  }
  return (
    <div class="next-step" role="region" aria-label="Next step">
      <p>{text}</p>
      <span>{lead}</span>
    </div>
  );
}
