import { useEffect } from "preact/hooks";
import { hush, undo, useKept } from "../store";
import { Said } from "./Said";

const SHOWN_FOR = 5000;

/** What went wrong, in the server's words, until it is closed; what went well, for a moment. */
export function Notice() {
  const { said, state } = useKept();
  const passing = said?.kind === "done";
  useEffect(() => {
    if (!passing) return;
    const timer = setTimeout(hush, SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [said, passing]);
  return (
    <div class="notice-place" role="status" aria-live="polite">
      {said && (
        <div class={`notice notice-${said.kind}`}>
          <ul>
            {said.problems.map((problem, at) => (
              <li key={at}><Said text={problem.text} /></li>
            ))}
          </ul>
          {passing && state?.can_undo && said.problems[0]?.key === "undo" && (
            <button onClick={() => void undo()}>Undo</button>
          )}
          <button class="icon" aria-label="Close" onClick={hush}>
            ×
          </button>
        </div>
      )}
    </div>
  );
}
