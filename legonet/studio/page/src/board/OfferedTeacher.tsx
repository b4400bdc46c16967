import type { State } from "../api/types";
import { Fact, Facts } from "../parts/fields";
import { go } from "../route";
import { bring, type Offer } from "../teachers/found";

/** A teacher that could be brought at once: it is here, and it is like another one of this task. */
export function OfferedTeacher({ state, offer }: { state: State; offer: Offer }) {
  const [category, task] = offer.path.split(":");
  return (
    <section class="offer" aria-label="A teacher that is here">
      <h3>
        No teacher of {category} and {task} yet: bring this one?
      </h3>
      <Facts>
        <Fact name="Found here">{offer.weights}</Fact>
        <Fact name="Model">{offer.model}</Fact>
        <Fact name="Cut at">{offer.cut}</Fact>
        <Fact name="Statistics">{offer.statistics ? "recorded, beside it" : "none; it is fitted without them"}</Fact>
      </Facts>
      <p class="soft">Model and cut are those of {offer.like}, whose weights have the same shapes.</p>
      <div class="actions">
        <button class="primary" onClick={() => void bring(state, offer)}>Bring this teacher</button>
        <button onClick={() => go("teachers", { path: offer.path, weights: offer.weights })}>Change …</button>
      </div>
    </section>
  );
}
