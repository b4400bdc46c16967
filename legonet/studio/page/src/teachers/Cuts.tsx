import { useState } from "preact/hooks";
import type { Cut, Inspected } from "../api/types";
import { studs } from "../parts/Brick";
import { figure, shape } from "../words";

interface Props {
  inspected: Inspected;
  cut: string;
  choose: (module: string) => void;
}

/** The model as a row of bricks: those up to the cut become the category, the others the task. */
export function Cuts({ inspected, cut, choose }: Props) {
  const few = inspected.cuts.filter((each) => each.end || each.recommended || each.module === cut);
  const [all, showAll] = useState(few.length === 0);
  const cuts = all || !few.length ? inspected.cuts : few;
  const at = cuts.findIndex((each) => each.module === cut);
  const chosen = inspected.cuts.find((each) => each.module === cut);
  return (
    <fieldset class="cuts">
      <legend class="soft">
        {inspected.model}: image {shape(inspected.example_shape)} to output {shape(inspected.output_shape)}
      </legend>
      <div class="chain">
        {cuts.map((each, index) => (
          <label key={each.module} class={`piece ${index <= at ? "below" : "above"} ${each.recommended ? "recommended" : ""}`} title={tip(each)}>
            <input type="radio" name="cut" value={each.module} checked={each.module === cut} onChange={() => choose(each.module)} />
            <span class="studs" aria-hidden="true">
              {Array.from({ length: Math.min(5, studs(each.shape).number) }, (_, stud) => (
                <i key={stud} />
              ))}
            </span>
            <span class="piece-body">
              <b>{each.module}</b>
              <small>{shape(each.shape)}</small>
              {each.recommended && <em>good cut</em>}
            </span>
          </label>
        ))}
      </div>
      {few.length > 0 && few.length < inspected.cuts.length && (
        <button type="button" class="link" onClick={() => showAll(!all)}>
          {all ? "Show only the usual places" : `Show all ${inspected.cuts.length} places`}
        </button>
      )}
      {chosen && (
        <p class="soft">
          Cut after <b>{chosen.module}</b>: the category module has {figure(chosen.parameters[0])} weights and gives {shape(chosen.shape)}; the task module has {figure(chosen.parameters[1])} weights.
        </p>
      )}
    </fieldset>
  );
}

function tip(cut: Cut): string {
  const [below, above] = cut.operations;
  const share = below + above ? Math.round((100 * below) / (below + above)) : 0;
  return `${share} % of the work lies before this place`;
}
