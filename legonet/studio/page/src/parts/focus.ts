import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** Where the thing that had the focus is gone, what has come in its place takes it, or keys would begin anew. */
export function useFocusKept(place: RefObject<HTMLElement | null>, version: unknown): void {
  useEffect(() => {
    if (document.activeElement === document.body) place.current?.focus({ preventScroll: true });
  }, [version]);
}
