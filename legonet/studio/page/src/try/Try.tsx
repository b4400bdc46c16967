import { useEffect, useRef, useState } from "preact/hooks";
import { blob, send } from "../api/client";
import type { Prediction, Sample } from "../api/types";
import { Empty } from "../parts/fields";
import { useAnswer } from "../parts/load";
import { go, useRoute } from "../route";
import { refuse, useDraft } from "../store";
import { Answers } from "./Answers";
import { isReady } from "../words";
import { Webcam } from "./Webcam";

/** An image to try: a sample by name, or a file. */
type Given = { name: string; url: string; file: Blob | null };

export function Try() {
  const state = useDraft();
  const { given } = useRoute();
  const ready = state.edges.filter((edge) => edge.connected && isReady(edge.state)).map((edge) => edge.path);
  const [picked, pick] = useState<string[] | null>(null);
  const paths = picked ?? first(given, state.applications, ready);
  const [image, setImage] = useState<Given | null>(null);
  const [answer, setAnswer] = useState<Prediction | null>(null);
  const [working, work] = useState(false);
  const [over, hover] = useState(false);
  const { answer: samples } = useAnswer<{ samples: Sample[] }>("samples");
  const latest = useRef<AbortController | null>(null);

  const ask = async (from: Given, wanted: string[]) => {
    latest.current?.abort();
    const stopped = (latest.current = new AbortController());
    if (!wanted.length) return setAnswer(null);
    const form = new FormData();
    if (from.file) form.set("image", from.file, from.name);
    else form.set("sample", from.name);
    for (const path of wanted) form.append("paths", path);
    work(true);
    try {
      setAnswer(await send<Prediction>("predict", form, stopped.signal));
    } catch (error) {
      if (!stopped.signal.aborted) {
        setAnswer(null);
        refuse(error);
      }
    } finally {
      if (latest.current === stopped) work(false);
    }
  };
  const choice = useRef(0); // a sample that arrives after another image was chosen is not shown
  const show = (next: Given) => {
    choice.current += 1;
    if (image) URL.revokeObjectURL(image.url);
    setImage(next);
  };
  const take = (file: Blob | undefined, name = "image.png") => file && show({ name, url: URL.createObjectURL(file), file });
  const sample = async (name: string) => {
    const mine = (choice.current += 1);
    try {
      const bytes = await blob(`samples/${encodeURIComponent(name)}`);
      if (choice.current === mine) show({ name, url: URL.createObjectURL(bytes), file: null });
    } catch (error) {
      refuse(error);
    }
  };
  const choose = (next: string[]) => {
    pick(next);
  };
  useEffect(() => {
    if (image) void ask(image, paths);
  }, [image, paths.join()]);
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (file) take(file, file.name);
    };
    addEventListener("paste", pasted);
    return () => removeEventListener("paste", pasted);
  });
  useEffect(() => () => latest.current?.abort(), []);
  const begins = samples?.samples.find((each) => paths.some((path) => each.name.startsWith(`${path.split(":")[0]}/`))) ?? samples?.samples[0];
  useEffect(() => {
    if (begins && !image) void sample(begins.name); // so that nobody stands before an empty screen
  }, [begins?.name]);

  if (!ready.length)
    return (
      <Empty title="No connection is fitted yet">
        <p>Connect a category to a task, fit it, and try an image here.</p>
        <button class="primary" onClick={() => go("board")}>Go to the board</button>
      </Empty>
    );
  return (
    <div
      class={`page try ${over ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        hover(true);
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Node) || hover(false)}
      onDrop={(event) => {
        event.preventDefault();
        hover(false);
        const file = event.dataTransfer?.files[0];
        take(file, file?.name);
      }}
    >
      <section class="try-image" aria-label="Image">
        <label class={`drop ${image ? "small" : ""}`}>
          <input
            type="file"
            accept="image/*"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              take(file, file?.name);
              event.currentTarget.value = "";
            }}
          />
          {!image && <Picture />}
          <b>{image ? "Another image" : "Drop an image here"}</b>
          <span class="soft">or choose a file</span>
        </label>
        <Webcam take={(file) => take(file, "webcam.png")} />
        {samples && samples.samples.length > 0 && (
          <>
            <h3>{image ? "Samples" : "Or take one of these"}</h3>
            <ul class="samples">
              {samples.samples.map((each) => (
                <li key={each.name}>
                  <SampleButton name={each.name} chosen={image?.file === null && image.name === each.name} take={() => void sample(each.name)} />
                </li>
              ))}
            </ul>
          </>
        )}
        <Connections ready={ready} applications={state.applications} paths={paths} choose={choose} />
      </section>
      <section class="try-answers" aria-label="What the network says" aria-live="polite" aria-busy={working}>
        {image && answer ? (
          <Answers answer={answer} url={image.url} name={image.name} />
        ) : (
          <p class="waiting">{working || begins ? "Looking at the image …" : paths.length ? "What the network sees appears here." : "Choose a connection."}</p>
        )}
      </section>
    </div>
  );
}

function first(given: URLSearchParams, applications: Record<string, string[]>, ready: string[]): string[] {
  const application = applications[given.get("application") ?? ""];
  const asked = application ?? [given.get("path") ?? ""];
  const found = asked.filter((path) => ready.includes(path));
  return found.length ? found : ready.slice(0, 12);
}

function Connections({ ready, applications, paths, choose }: { ready: string[]; applications: Record<string, string[]>; paths: string[]; choose: (paths: string[]) => void }) {
  const groups: [string, string[]][] = [["all", ready], ...Object.entries(applications)];
  return (
    <details class="more connections" open={ready.length <= 12 && matchMedia("(min-width: 901px)").matches}>
      <summary>
        Connections <small>{paths.length} of {ready.length}</small>
      </summary>
      <div class="chips">
        {groups.map(([name, members]) => {
          const usable = members.filter((path) => ready.includes(path));
          if (!usable.length) return null;
          const on = usable.length === paths.length && usable.every((path) => paths.includes(path));
          return (
            <button key={name} aria-pressed={on} onClick={() => choose(usable)}>
              {name}
            </button>
          );
        })}
      </div>
      {ready.map((path) => (
        <label class="check" key={path}>
          <input type="checkbox" checked={paths.includes(path)} onChange={(event) => choose(event.currentTarget.checked ? ready.filter((each) => each === path || paths.includes(each)) : paths.filter((each) => each !== path))} />{" "}
          {path.replace(":", " → ")}
        </label>
      ))}
    </details>
  );
}

function SampleButton({ name, chosen, take }: { name: string; chosen: boolean; take: () => void }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    let made = "";
    let wanted = true;
    blob(`samples/${encodeURIComponent(name)}`).then(
      (found) => wanted && setUrl((made = URL.createObjectURL(found))),
      () => undefined,
    );
    return () => {
      wanted = false;
      if (made) URL.revokeObjectURL(made);
    };
  }, [name]);
  return (
    <button class="sample" aria-pressed={chosen} title={name} onClick={take}>
      {url ? <img src={url} alt={`Sample ${name}`} width="64" height="64" /> : name}
    </button>
  );
}

function Picture() {
  return (
    <svg viewBox="0 0 48 40" width="64" height="54" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round">
      <rect x="3" y="3" width="42" height="34" rx="4" />
      <circle cx="15" cy="14" r="4" />
      <path d="m5 33 12-11 8 7 7-6 11 10" />
    </svg>
  );
}
