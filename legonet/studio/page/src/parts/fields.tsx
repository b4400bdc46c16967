import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

/** A name that can be changed: Enter or leaving the field renames, Escape gives the old one back. */
export function Rename({ name, label, disabled, rename }: { name: string; label: string; disabled?: boolean; rename: (to: string) => Promise<boolean> }) {
  const [text, setText] = useState(name);
  const done = async () => {
    const wanted = text.trim();
    if (wanted === name || !wanted) setText(name);
    else if (!(await rename(wanted))) setText(name);
  };
  return (
    <label class="field">
      <span>{label}</span>
      <input
        value={text}
        disabled={disabled}
        spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={() => void done()}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setText(name);
          event.stopPropagation();
        }}
      />
    </label>
  );
}

export function Choice({ label, value, options, disabled, onChange }: { label: string; value: string; options: readonly (string | [string, string])[]; disabled?: boolean; onChange: (value: string) => void }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} disabled={disabled} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map((option) => {
          const [key, text] = typeof option === "string" ? [option, option] : option;
          return (
            <option key={key} value={key}>
              {text}
            </option>
          );
        })}
      </select>
    </label>
  );
}

export function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A share of 1 as a bar. */
export function Bar({ share, label, tone = "" }: { share: number; label: string; tone?: string }) {
  const part = Math.max(0, Math.min(1, share));
  return (
    <span class={`bar ${tone}`} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part * 100)}>
      <i style={{ width: `${part * 100}%` }} />
    </span>
  );
}

/** A screen that has nothing to show yet says what to do. */
export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="empty">
      <svg viewBox="0 0 64 48" width="96" height="72" aria-hidden="true">
        <g class="empty-brick">
          <rect x="12" y="8" width="10" height="8" rx="2" />
          <rect x="27" y="8" width="10" height="8" rx="2" />
          <rect x="42" y="8" width="10" height="8" rx="2" />
          <rect x="6" y="15" width="52" height="24" rx="4" />
        </g>
      </svg>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
