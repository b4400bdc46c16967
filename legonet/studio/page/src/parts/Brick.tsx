/** A brick seen from the side. Its studs show the port's shape: as many as twofolds of channels, the larger the image the wider. */

import type { ComponentChildren } from "preact";
import type { Shape } from "../api/types";
import { shape } from "../words";

export type Kind = "category" | "task" | "adapter" | "teacher" | "block";

/** Ports that fit together without an adapter have the same studs. */
export function studs(port: Shape): { number: number; wide: number } {
  if (!port?.length) return { number: 3, wide: 12 };
  const [channels = 1, height = 1] = port;
  const number = Math.max(2, Math.min(8, Math.round(Math.log2(channels))));
  return { number, wide: Math.max(6, Math.min(14, 6 + 2 * Math.log2(height))) };
}

interface Props {
  kind: Kind;
  name: string;
  caption?: string;
  port?: Shape;
  state?: string;
  children?: ComponentChildren;
}

export function Brick({ kind, name, caption, port = null, state = "", children }: Props) {
  const { number, wide } = studs(port);
  return (
    <div class={`brick brick-${kind} ${state}`}>
      <span class="studs" title={port ? `port ${shape(port)}` : undefined} aria-hidden="true">
        {Array.from({ length: number }, (_, at) => (
          <i key={at} style={{ width: `${wide}px` }} />
        ))}
      </span>
      <span class="brick-body">
        <b>{name}</b>
        {caption && <small>{caption}</small>}
        {children}
      </span>
    </div>
  );
}
