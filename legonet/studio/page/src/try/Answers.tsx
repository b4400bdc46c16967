import type { PathResult, Prediction, Seen } from "../api/types";
import { Bar } from "../parts/fields";
import { percent } from "../words";

/** What each path says of the image, beside its teacher. */
export function Answers({ answer, url, name }: { answer: Prediction; url: string; name: string }) {
  return (
    <>
      <figure class="photo">
        <img src={url} alt={name} width={answer.width} height={answer.height} />
        <figcaption class="soft">
          {name.split("/").at(-2) ?? name}, {answer.width} × {answer.height}
        </figcaption>
      </figure>
      <ul class="answers">
        {answer.results.map((result) => (
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
  return boxes.filter((each): each is Box => Array.isArray(each?.box) && each.box.length === 4);
}

function Side({ title, seen, answer, url }: { title: string; seen: Seen; answer: Prediction; url: string }) {
  const boxes = boxesOf(seen.result);
  return (
    <div class="side">
      <p class="kind">{title}</p>
      {(seen.mask || boxes.length > 0) && (
        <div class="over-photo" style={{ width: `${Math.max(SMALLEST, answer.width)}px` }}>
          <img src={url} alt="" width={answer.width} height={answer.height} />
          {seen.mask && <img class="mask" src={seen.mask} alt={`Mask: ${seen.text}`} width={answer.width} height={answer.height} />}
          {boxes.length > 0 && <Boxes boxes={boxes} answer={answer} />}
        </div>
      )}
      <Words seen={seen} />
    </div>
  );
}

function Boxes({ boxes, answer }: { boxes: Box[]; answer: Prediction }) {
  return (
    <svg class="boxes" viewBox={`0 0 ${answer.width} ${answer.height}`} role="img" aria-label={`${boxes.length} boxes`}>
      {boxes.map(({ box: [left, top, right, bottom], label, score }, at) => (
        <g key={at}>
          <rect x={left} y={top} width={right - left} height={bottom - top} vector-effect="non-scaling-stroke" />
          <title>
            {label} {score !== undefined && percent(score)}
          </title>
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
  return <p class="said">{seen.text}</p>;
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

