/** Figures and states in words. */

import type { Adapter, EdgeState, Shape } from "./api/types";

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 1) return "under 1 s";
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long something takes, as far as it is known beforehand. */
export function about(seconds: number): string {
  return seconds < 1 ? duration(seconds) : `about ${duration(seconds)}`;
}

/** What is noted of a path, where it stands below the path's name. */
export function noted(path: string, note: string): string {
  return note.startsWith(`${path}: `) ? note.slice(path.length + 2) : note;
}

/** What the server says, where no element can stand: a command in backticks is in quotation marks. */
export function plain(text: string): string {
  return text.replaceAll("`", "'");
}

export function percent(part: number, digits = 1): string {
  return `${(part * 100).toFixed(digits)} %`;
}

/** A measured figure: a fraction in percent, else a number such as a distance. */
export function measured(value: number): string {
  return value <= 1 ? percent(value) : figure(value);
}

export function figure(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : Number(value.toPrecision(3)).toLocaleString("en");
}

export function bytes(size: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let at = 0;
  for (; size >= 1000 && at < 3; at++) size /= 1000;
  return `${Number(size.toPrecision(3))} ${units[at]}`;
}

export function shape(port: Shape): string {
  return port ? port.join(" × ") : "shape not known yet";
}

/** The method by which an adapter is to be fitted. */
export function methodOf(adapter: Adapter | null): string {
  const method = adapter?.method;
  return typeof method === "string" ? method : String(method?.["name"] ?? "auto");
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export const MEANING: Record<EdgeState, string> = {
  built: "fitted",
  weak: "fitted, far from its teacher",
  planned: "to be fitted",
  refit: "to be fitted again",
  removed: "will be removed",
  native: "needs no adapter",
  open: "waits for a teacher",
};

/** Whether a path can be used: its adapter is fitted, or it needs none. */
export function isReady(state: EdgeState): boolean {
  return state === "built" || state === "weak" || state === "native";
}
