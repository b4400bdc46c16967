/** A file of weights that was dropped on another screen: the Teachers screen takes it up. */

let file: File | null = null;

export function handOver(dropped: File): void {
  file = dropped;
}

export function takeUp(): File | null {
  const found = file;
  file = null;
  return found;
}
