import { useEffect, useRef } from "preact/hooks";
import { Board } from "./board/Board";
import { Diff } from "./diff/Diff";
import { Export } from "./exports/Export";
import { Header } from "./Header";
import { useFocusKept } from "./parts/focus";
import { Notice } from "./parts/Notice";
import { Plan } from "./plan/Plan";
import { useRoute, type Screen } from "./route";
import { Runs } from "./runs/Runs";
import { hushProblems, redo, refresh, save, undo, useKept } from "./store";
import { Teachers } from "./teachers/Teachers";
import { Try } from "./try/Try";

const SHOWN: Record<Screen, () => preact.JSX.Element> = {
  board: Board,
  plan: Plan,
  runs: Runs,
  try: Try,
  teachers: Teachers,
  export: Export,
  diff: Diff,
};

/** Undo, redo and save by the keys that people know; not while they type into a field. */
function keys(event: KeyboardEvent): void {
  const typing = (event.target as HTMLElement).closest?.("input:not([type=checkbox]), textarea, select");
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "s") void save();
  else if (typing) return;
  else if (key === "z") void (event.shiftKey ? redo() : undo());
  else if (key === "y") void redo();
  else return;
  event.preventDefault();
}

export function App() {
  const { screen } = useRoute();
  const { state } = useKept();
  const content = useRef<HTMLElement>(null);
  useFocusKept(content, screen);
  useEffect(() => {
    void refresh();
    const again = () => document.visibilityState === "visible" && void refresh();
    addEventListener("keydown", keys);
    document.addEventListener("visibilitychange", again);
    return () => {
      removeEventListener("keydown", keys);
      document.removeEventListener("visibilitychange", again);
    };
  }, []);
  useEffect(() => {
    const left = () => hushProblems();
    addEventListener("hashchange", left);
    return () => removeEventListener("hashchange", left);
  }, []);
  useEffect(() => {
    document.title = state ? `${state.dirty ? "• " : ""}${state.name} – legonet studio` : "legonet studio";
  }, [state]);
  const Shown = SHOWN[screen];
  return (
    <>
      <a class="skip" href={`#/${screen}`} onClick={skip}>
        Skip to the content
      </a>
      <Header screen={screen} />
      <main id="content" ref={content} tabIndex={-1} class={`screen screen-${screen}`}>
        {state ? <Shown key={screen} /> : <p class="waiting">Reading the network …</p>}
      </main>
      <Notice />
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
