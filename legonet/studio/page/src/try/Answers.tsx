import type { PathResult, Prediction, Seen } from "../api/types";
import { Bar } from "../parts/fields";
import { figure, percent } from "../words";

/** What each path says of the image, beside its teacher. */
export function Answers({ answer, url, name }: { answer: Prediction; url: string; name: string }) {
  const tasks = [...new Set(answer.results.map((each) => each.path.split(":")[1]))];
  const byTask = answer.results.toSorted((a, b) => tasks.indexOf(a.path.split(":")[1]) - tasks.indexOf(b.path.split(":")[1]));
  return (
    <>
      <figure class="photo">
        <img src={url} alt={name} width={answer.width} height={answer.height} />
        <figcaption class="soft">
          {name.split("/").at(-2) ?? name}, {answer.width} × {answer.height}
        </figcaption>
      </figure>
      <ul class="answers">
        {byTask.map((result) => (
          <One key={result.path} result={result} answer={answer} url={url} />
        ))}
      </ul>
    </>
  );
}

function One({ result, answer, url }: { result: PathResult; answer: Prediction; url: string }) {
  return (
    <li class="answer">
      <h3>{result.path.replace(":", " → ")}</h3>
      <div class="sides">
        <Side title="the network" seen={result} answer={answer} url={url} />
        {result.teacher && <Side title="its teacher" seen={result.teacher} answer={answer} url={url} />}
      </div>
    </li>
  );
}

/** Smaller images are enlarged, in pixels. */
const SMALLEST = 160;

interface Box {
  box: [number, number, number, number];
  label?: string;
  score?: number;
}

function boxesOf(result: Record<string, unknown>): Box[] {
  const boxes = result["boxes"];
  if (!Array.isArray(boxes)) return [];
  return boxes.filter((each): each is Box => Array.isArray(each?.box) && each.box.length === 4 && each.box.every(Number.isFinite));
}

interface Place {
  name: string;
  x: number;
  y: number;
}

function pointsOf(result: Record<string, unknown>): Place[] {
  const points = result["points"];
  if (!points || typeof points !== "object") return [];
  return Object.entries(points as Record<string, Partial<Place>>).flatMap(([name, { x, y }]) =>
    Number.isFinite(x) && Number.isFinite(y) ? [{ name, x: x!, y: y! }] : [],
  );
}

function Side({ title, seen, answer, url }: { title: string; seen: Seen; answer: Prediction; url: string }) {
  const boxes = boxesOf(seen.result);
  const points = pointsOf(seen.result);
  const marks = boxes.length + points.length > 0;
  return (
    <div class="side">
      <p class="kind">{title}</p>
      {(seen.mask || marks) && (
        <div class="over-photo" style={{ width: `${Math.max(SMALLEST, answer.width)}px` }}>
          <img src={url} alt="" width={answer.width} height={answer.height} />
          {seen.mask && <img class="mask" src={seen.mask} alt={`Mask: ${seen.text}`} width={answer.width} height={answer.height} />}
          {marks && <Marks boxes={boxes} points={points} answer={answer} said={seen.text} />}
        </div>
      )}
      <Words seen={seen} />
    </div>
  );
}

/** Boxes and points, in the photo's own pixels. */
function Marks({ boxes, points, answer: { width, height }, said }: { boxes: Box[]; points: Place[]; answer: Prediction; said: string }) {
  const unit = Math.min(width, height) / 24;
  return (
    <svg class="marks" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={said}>
      {boxes.map(({ box: [left, top, right, bottom], label, score }, at) => (
        <g key={at}>
          <rect x={left} y={top} width={Math.max(0, right - left)} height={Math.max(0, bottom - top)} vector-effect="non-scaling-stroke" />
          <text x={left + unit / 3} y={top + unit} font-size={unit}>
            {label} {score !== undefined && percent(score, 0)}
          </text>
        </g>
      ))}
      {points.map(({ name, x, y }) => (
        <g key={name}>
          <circle cx={x} cy={y} r={unit / 2} vector-effect="non-scaling-stroke" />
          <text x={x + unit * 0.7} y={y + unit / 3} font-size={unit}>
            {name}
          </text>
        </g>
      ))}
    </svg>
  );
}

/** The result in words; where it holds probabilities, with bars. */
function Words({ seen }: { seen: Seen }) {
  const { result } = seen;
  const shares = sharesOf(result);
  if (shares.length)
    return (
      <ul class="shares">
        {shares.map(([label, share]) => (
          <li key={label}>
            <span>{label}</span>
            <Bar share={share} label={label} />
            <b>{percent(share)}</b>
          </li>
        ))}
      </ul>
    );
  const numbers = numbersOf(result);
  if (numbers.length)
    return (
      <ul class="shares">
        {numbers.slice(0, NUMBERS).map(([name, value]) => (
          <li key={name}>
            <span>{name}</span>
            <b>{figure(value)}</b>
          </li>
        ))}
        {numbers.length > NUMBERS && <li class="soft">and {figure(numbers.length - NUMBERS)} more</li>}
      </ul>
    );
  const { label, share } = result;
  if (typeof label === "string" && typeof share === "number") return <p class="said">{label}, {percent(share)} of the image</p>;
  return <p class="said">{seen.text}</p>;
}

/** A table of more would hide the other answers. */
const NUMBERS = 12;

function numbersOf({ values }: Record<string, unknown>): [string, number][] {
  if (!values || typeof values !== "object") return [];
  return Object.entries(values).filter((each): each is [string, number] => typeof each[1] === "number");
}

function sharesOf(result: Record<string, unknown>): [string, number][] {
  const label = result["label"];
  const all = result["probabilities"];
  if (all && typeof all === "object") {
    const found = Object.entries(all).filter((each): each is [string, number] => typeof each[1] === "number");
    return found.sort((a, b) => b[1] - a[1]).slice(0, 5);
  }
  if (typeof label === "string" && typeof result["probability"] === "number") return [[label, result["probability"]]];
  return [];
}

