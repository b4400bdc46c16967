import { useState } from "preact/hooks";
import type { Diff as Answer, DiffEntry } from "../api/types";
import { Empty } from "../parts/fields";
import { useAnswer } from "../parts/load";
import { go } from "../route";
import { discard, save, useDraft } from "../store";
import { count } from "../words";
import { DiffGraph } from "./DiffGraph";

export function Diff() {
  const state = useDraft();
  const [against, compare] = useState<"disk" | "head">("disk");
  const { answer, failed } = useAnswer<Answer>(`diff?against=${against}`, `${state.revision} ${state.etag}`);
  const names = { disk: "the file", head: "git's HEAD" };
  return (
    <div class="page diff">
      <div class="page-head">
        <h2>{answer?.entries.length ? count(answer.entries.length, "entry differs", "entries differ") : "What would be saved"}</h2>
        <div class="view-switch still" role="group" aria-label="Compared with">
          <span class="soft" aria-hidden="true">Compared with</span>
          {(["disk", "head"] as const).map((each) => (
            <button key={each} aria-pressed={against === each} onClick={() => compare(each)}>
              {names[each]}
            </button>
          ))}
        </div>
      </div>
      {state.changed_outside && <p class="problem">{state.file} was changed by somebody else since it was read. Read it again, above, and make the edits anew; or keep both texts in mind before you save.</p>}
      {!answer && !failed && <p class="waiting">Comparing …</p>}
      {answer && !answer.text && (
        <Empty title={`The draft is the same as ${names[against]}`}>
          <p>Change something on the board, and see here what is written before you save it.</p>
          <button class="primary" onClick={() => go("board")}>Go to the board</button>
        </Empty>
      )}
      {answer?.text && (
        <>
          {!state.read_only && state.dirty && (
            <div class="do">
              <div>
                <b>{state.file}</b>
                <span class="soft">Comments and the order of the file are kept.</span>
              </div>
              <button onClick={() => void discard()}>Discard</button>
              <button class="primary big" onClick={() => void save()}>Save</button>
            </div>
          )}
          <Entries entries={answer.entries} />
          <DiffGraph state={state} entries={answer.entries} />
          <Text text={answer.text} />
        </>
      )}
    </div>
  );
}

function Entries({ entries }: { entries: DiffEntry[] }) {
  return (
    <ul class="entries">
      {entries.map((entry) => (
        <li key={`${entry.section} ${entry.name}`}>
          <span class={`pill change-${entry.change}`}>{entry.change}</span> <b>{entry.name}</b> <small>{entry.section}</small>
        </li>
      ))}
    </ul>
  );
}

function Text({ text }: { text: string }) {
  const lines = text.replace(/\n$/, "").split("\n");
  return (
    <pre class="unified" tabIndex={0} aria-label="Unified diff of the graph file">
      {lines.map((line, at) => (
        <span key={at} class={toneOf(line)}>
          {line}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

function toneOf(line: string): string {
  if (line.startsWith("+++") || line.startsWith("---")) return "file";
  if (line.startsWith("@@")) return "place";
  return line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "";
}
