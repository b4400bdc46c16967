import type { Schema } from "../api/types";

interface Field {
  type?: string;
  enum?: unknown[];
  anyOf?: Field[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
}

interface Props {
  schema: Schema | undefined;
  method: string;
  settings: string | Record<string, unknown> | undefined;
  set: (settings: string | Record<string, unknown>) => void;
}

/** The settings of a method, as its JSON Schema describes them. */
export function MethodSettings({ schema, method, settings, set }: Props) {
  const fields = Object.entries((schema?.["properties"] ?? {}) as Record<string, Field>).filter(([name, field]) => name !== "name" && kindOf(field));
  if (!fields.length) return null;
  const given = typeof settings === "object" ? settings : {};
  const change = (name: string, value: unknown, field: Field) => {
    const next: Record<string, unknown> = { ...given, name: method, [name]: value };
    if (value === field.default || value === undefined) delete next[name];
    set(Object.keys(next).length > 1 ? next : method);
  };
  return (
    <details class="more">
      <summary>Settings of {method}</summary>
      {fields.map(([name, field]) => (
        <One key={name} name={name} field={field} value={given[name] ?? field.default} change={(value) => change(name, value, field)} />
      ))}
    </details>
  );
}

function kindOf(field: Field): "number" | "integer" | "boolean" | "choice" | null {
  if (field.enum) return "choice";
  const types = [field.type, ...(field.anyOf ?? []).map((each) => each.type)];
  return (["integer", "number", "boolean"] as const).find((each) => types.includes(each)) ?? null;
}

function One({ name, field, value, change }: { name: string; field: Field; value: unknown; change: (value: unknown) => void }) {
  const kind = kindOf(field);
  const label = name.replaceAll("_", " ");
  if (kind === "choice")
    return (
      <label class="field" title={field.description}>
        <span>{label}</span>
        <select value={String(value)} onChange={(event) => change(field.enum!.find((each) => String(each) === event.currentTarget.value))}>
          {field.enum!.map((each) => (
            <option key={String(each)}>{String(each)}</option>
          ))}
        </select>
      </label>
    );
  if (kind === "boolean")
    return (
      <label class="check" title={field.description}>
        <input type="checkbox" checked={value === true} onChange={(event) => change(event.currentTarget.checked)} /> {label}
      </label>
    );
  return (
    <label class="field" title={field.description}>
      <span>{label}</span>
      <input
        type="number"
        step={kind === "integer" ? 1 : "any"}
        min={field.minimum}
        max={field.maximum}
        value={value === null || value === undefined ? "" : String(value)}
        placeholder="by itself"
        onChange={(event) => change(event.currentTarget.value === "" ? undefined : event.currentTarget.valueAsNumber)}
      />
    </label>
  );
}
