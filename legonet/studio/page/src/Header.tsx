import icon from "./brick.svg";
import { SCREENS, type Screen } from "./route";
import { redo, reload, save, undo, useKept } from "./store";

const NAMES: Record<Screen, string> = {
  board: "Board",
  plan: "Plan",
  runs: "Runs",
  try: "Try",
  teachers: "Teachers",
  export: "Export",
  diff: "Diff",
};

export function Header({ screen }: { screen: Screen }) {
  const { state, busy } = useKept();
  return (
    <header class="top">
      <div class="top-name">
        <img src={icon} alt="" width="26" height="26" />
        <h1>{state?.name ?? "legonet"}</h1>
        {state?.read_only && <span class="pill">read only</span>}
      </div>
      <nav aria-label="Screens" class="tabs">
        {SCREENS.map((each) => (
          <a key={each} href={`#/${each}`} aria-current={each === screen ? "page" : undefined}>
            {NAMES[each]}
          </a>
        ))}
      </nav>
      {state && !state.read_only && (
        <div class="top-tools">
          {state.changed_outside && (
            <button class="warn" onClick={() => void reload()} title="The file was changed by somebody else">
              File changed: read it again
            </button>
          )}
          <button class="icon" disabled={!state.can_undo || busy} onClick={() => void undo()} aria-label="Undo" title="Undo (Ctrl+Z)">
            <Arrow />
          </button>
          <button class="icon" disabled={!state.can_redo || busy} onClick={() => void redo()} aria-label="Redo" title="Redo (Ctrl+Shift+Z)">
            <Arrow back />
          </button>
          <button class={state.dirty ? "primary" : ""} disabled={!state.dirty || busy} onClick={() => void save()} title="Write the graph file (Ctrl+S)">
            {state.dirty ? "Save" : "Saved"}
          </button>
        </div>
      )}
    </header>
  );
}

function Arrow({ back = false }: { back?: boolean }) {
  return (
    <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" class={back ? "mirrored" : undefined}>
      <path d="M7 4 3 8l4 4M3 8h8a5 5 0 0 1 0 10H8" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
