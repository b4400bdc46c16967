/** Which screen is shown: the address's fragment, such as `#/plan?only=cat:classify`. */

import { useSyncExternalStore } from "preact/compat";

export const SCREENS = ["board", "plan", "runs", "try", "teachers", "export", "diff"] as const;
export type Screen = (typeof SCREENS)[number];

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

export function useRoute(): { screen: Screen; given: URLSearchParams } {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const [name, query] = hash.replace(/^#\/?/, "").split("?");
  const screen = SCREENS.find((each) => each === name) ?? "board";
  return { screen, given: new URLSearchParams(query) };
}

export function go(screen: Screen, given: Record<string, string> = {}): void {
  const query = new URLSearchParams(given).toString();
  location.hash = `/${screen}${query ? `?${query}` : ""}`;
}
