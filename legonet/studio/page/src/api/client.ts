/** Asks the server. The token comes in the address's fragment, which no server sees, and is kept for this tab. */

import type { Problem } from "./types";

const KEPT = "legonet-token";

function takeToken(): string {
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (found?.[1]) {
    sessionStorage.setItem(KEPT, decodeURIComponent(found[1]));
    history.replaceState(null, "", location.pathname + "#/board");
  }
  return sessionStorage.getItem(KEPT) ?? "";
}

export const token = takeToken();

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problems: Problem[],
  ) {
    super(problems.map((each) => each.text).join("\n"));
  }
}

function headers(more: Record<string, string> = {}): Record<string, string> {
  return { "X-Legonet-Token": token, ...more };
}

/** A request to the API; what is wrong with it is thrown as `Refused`, in the server's own words. */
export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`api/v1/${path}`, { ...options, headers: headers(options.headers as never) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, [said("The studio's server does not answer. Start it again: legonet studio GRAPH")]);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  const problems: Problem[] = body?.problems ?? [said(`The server answered ${answer.status} ${answer.statusText}`)];
  throw new Refused(answer.status, problems);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, { signal })).json();
}

export async function post<T>(path: string, data: unknown = {}, more: Record<string, string> = {}): Promise<T> {
  const body = JSON.stringify(data);
  const answer = await ask(path, { method: "POST", body, headers: { "Content-Type": "application/json", ...more } });
  return answer.json();
}

export async function send<T>(path: string, form: FormData, signal?: AbortSignal): Promise<T> {
  return (await ask(path, { method: "POST", body: form, signal })).json();
}

export async function blob(path: string): Promise<Blob> {
  return (await ask(path)).blob();
}

export function said(text: string): Problem {
  return { text, file: "", line: null, column: null, key: "", found: text, expected: "", advice: "" };
}

export function problemsOf(error: unknown): Problem[] {
  if (error instanceof Refused) return error.problems;
  return [said(error instanceof Error ? error.message : String(error))];
}
