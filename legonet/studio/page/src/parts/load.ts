import { useCallback, useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import { refuse } from "../store";

/** What an address of the API gives, asked again when the address or `version` changes. */
export function useAnswer<T>(path: string | null, version: unknown = 0): { answer: T | null; again: () => void; failed: boolean } {
  const [answer, keep] = useState<T | null>(null);
  const [failed, fail] = useState(false);
  const [asked, ask] = useState(0);
  useEffect(() => {
    if (path === null) return keep(null);
    const stopped = new AbortController();
    get<T>(path, stopped.signal).then(
      (found) => {
        keep(found);
        fail(false);
      },
      (error) => {
        if (stopped.signal.aborted) return;
        fail(true);
        refuse(error);
      },
    );
    return () => stopped.abort();
  }, [path, version, asked]);
  return { answer, failed, again: useCallback(() => ask((number) => number + 1), []) };
}
