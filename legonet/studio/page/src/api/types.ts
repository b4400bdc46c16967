/** What the server says, as docs/studio.md and openapi.json describe it. */

export type Shape = number[] | null;

export interface Problem {
  text: string;
  file: string;
  line: number | null;
  column: number | null;
  key: string;
  found: string;
  expected: string;
  advice: string;
}

export interface Category {
  name: string;
  label: string;
  port: Shape;
  teacher: string | null;
  caption: string;
  built: boolean;
}

export interface Task {
  name: string;
  port: Shape;
  teacher: string | null;
  caption: string;
  built: boolean;
  kind: string;
  labels: string[];
  output: Record<string, unknown>;
  adapter: Partial<Adapter>;
}

export interface Teacher {
  number: number;
  name: string;
  category: string;
  task: string;
  model: string;
  weights: string;
  cut: string;
  quality: number | null;
  caption: string;
  gave_category: boolean;
  gave_task: boolean;
}

export type EdgeState = "built" | "weak" | "planned" | "refit" | "removed" | "native" | "open";

export interface Cost {
  seconds: number | null;
  memory: number | null;
  operations: number | null;
  passes: number | null;
  basis: string;
}

export interface Adapter {
  kernel: number;
  depth: number;
  hidden?: number | null;
  activation?: string | null;
  rescale?: boolean;
  method: string | Record<string, unknown>;
  seed?: number;
}

export interface Edge {
  path: string;
  category: string;
  task: string;
  connected: boolean;
  state: EdgeState;
  reason: string;
  teacher: string | null;
  method: string;
  adapter: Adapter | null;
  own: boolean;
  layers: string[];
  notes: string[];
  weak: boolean;
  agreement: number | null;
  agreement_from: number | null;
  agreement_to: number | null;
  measure: string;
  error: number | null;
  teacher_error: number | null;
  unadapted_error: number | null;
  quality: Record<string, number>;
  cost: Cost | null;
}

export interface Point {
  width?: number;
  height?: number;
  x: number;
  y: number;
}

export type Schema = Record<string, unknown>;

export interface Measuring {
  running: boolean;
  data: string;
  message: string;
}

export interface State {
  file: string;
  name: string;
  revision: number;
  etag: string;
  can_undo: boolean;
  can_redo: boolean;
  dirty: boolean;
  changed_outside: boolean;
  read_only: boolean;
  graph: {
    input?: { shape: number[] };
    adapters?: Record<string, Partial<Adapter>>;
    tasks?: Record<string, Record<string, unknown>>;
    teachers?: Record<string, { model: string; cut: string; output?: string }>;
  } & Record<string, unknown>;
  categories: Category[];
  tasks: Task[];
  teachers: Teacher[];
  edges: Edge[];
  applications: Record<string, string[]>;
  layout: Record<string, Point>;
  blocks: string[];
  methods: Record<string, Schema>;
  measuring: Measuring;
  problems: Problem[];
}

export type Section = "categories" | "tasks" | "adapters" | "teachers" | "applications";

export type Edit =
  | { op: "add" | "change"; section: Section; name: string; entry: unknown }
  | { op: "rename"; section: Section; name: string; to: string }
  | { op: "remove"; section: Section; name: string; references?: boolean }
  | { op: "connect"; path: string; settings?: Partial<Adapter> }
  | { op: "disconnect"; path: string; references?: boolean };

export interface Target {
  path: string;
  legal: boolean;
  connected: boolean;
  message: string;
}

export interface DiffEntry {
  section: string;
  name: string;
  change: "added" | "changed" | "removed";
}

export interface Diff {
  against: "disk" | "head";
  text: string;
  entries: DiffEntry[];
}

export interface PlannedEdge {
  path: string;
  action: "add" | "keep" | "refit" | "remove" | "native" | "open";
  reason: string;
  teacher: string | null;
  method: string | null;
  cost: Cost | null;
}

export interface Totals {
  actions: Record<string, number>;
  jobs: number;
  seconds: number | null;
  unknown: number;
  operations: number;
}

export interface Plan {
  graph: string;
  edges: PlannedEdge[];
  chosen: string[];
  weak: { path: string; agreement: number; least: number; most: number; help: string }[];
  notes: string[];
  offers: { task: string; teacher: string; giver: string; refits: number; seconds: number | null }[];
  totals: Totals;
}

export interface Plans {
  before: Plan | null;
  after: Plan;
  problems: Problem[];
}

export interface Job {
  path: string;
  state: string;
  step: number | null;
  steps: number | null;
  loss: number | null;
  seconds: number | null;
  left: number | null;
  quality: Record<string, number>;
  notes: string[];
  message: string;
}

export interface Run {
  id: string;
  state: "running" | "done" | "failed" | "stopped" | "lost";
  started: number;
  finished: number | null;
  jobs: Job[];
  command: string;
  message: string;
}

export interface Upload {
  upload: string;
  kind: "safetensors" | "pt";
  bytes: number;
  names: Record<string, number[]>;
  tensors: number;
}

export interface Found {
  file: string;
  bytes: number;
  tensors: number;
  statistics: string | null;
  like: Record<string, string>;
}

export interface Cut {
  module: string;
  names: string[];
  shape: number[];
  parameters: [number, number];
  operations: [number, number];
  recommended: boolean;
  end: boolean;
}

export interface Inspected {
  model: string;
  example_shape: number[];
  output_shape: number[];
  output: Record<string, unknown> | null;
  output_problem: string;
  cuts: Cut[];
  notes: string[];
}

export interface Sample {
  name: string;
  width: number;
  height: number;
}

export interface Seen {
  result: Record<string, unknown>;
  text: string;
  mask: string | null;
}

export interface PathResult extends Seen {
  path: string;
  teacher: Seen | null;
}

export interface Prediction {
  width: number;
  height: number;
  results: PathResult[];
}

export interface Export {
  id: string;
  form: "pt2" | "onnx" | "folder";
  state: "running" | "done" | "failed" | "lost";
  paths: string[];
  bytes: number | null;
  difference: number | null;
  explain: Record<string, unknown> | null;
  table: string;
  message: string;
}
