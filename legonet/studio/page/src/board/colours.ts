/** The colours of applications: people with any colour vision tell them apart (Okabe and Ito). */

import type { State } from "../api/types";

const COLOURS = ["#cc79a7", "#56b4e9", "#d55e00", "#009e73", "#8f7ee6", "#b8a400"];

export function colourOf(state: State, application: string): string {
  const at = Object.keys(state.applications).indexOf(application);
  return COLOURS[Math.max(0, at) % COLOURS.length]!;
}
