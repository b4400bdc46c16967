import type { Teacher } from "../api/types";
import { Fact, Facts, Rename } from "../parts/fields";
import { edit } from "../store";
import { figure } from "../words";
import type { PanelProps } from "./Panel";
import { Remove } from "./Remove";

export function TeacherPanel({ state, teacher, choose }: PanelProps & { teacher: Teacher }) {
  const rename = async (to: string) => {
    const done = await edit({ op: "rename", section: "teachers", name: teacher.name, to });
    if (done) choose(`teacher:${to}`);
    return done;
  };
  const gave = [teacher.gave_category && `the category ${teacher.category}`, teacher.gave_task && `the task ${teacher.task}`].filter(Boolean);
  return (
    <>
      <p class="kind">Teacher, arrived as number {teacher.number}</p>
      <h2>{teacher.name}</h2>
      {!state.read_only && <Rename key={teacher.name} label="Name" name={teacher.name} rename={rename} />}
      <Facts>
        <Fact name="Shows">
          <button class="link" onClick={() => choose(`${teacher.category}:${teacher.task}`)}>
            {teacher.category} → {teacher.task}
          </button>
        </Fact>
        <Fact name="Gave">{gave.join(" and ") || "no module; it only teaches"}</Fact>
        <Fact name="Model">{teacher.model}</Fact>
        <Fact name="Cut at">{teacher.cut}</Fact>
        <Fact name="Weights">{teacher.weights}</Fact>
        {teacher.quality !== null && <Fact name="Quality">{figure(teacher.quality)}</Fact>}
      </Facts>
      {!state.read_only && (
        <div class="actions">
          <Remove edit={{ op: "remove", section: "teachers", name: teacher.name }} done={() => choose(null)} />
        </div>
      )}
    </>
  );
}
