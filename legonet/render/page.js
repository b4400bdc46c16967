// What one can do with the page of a network. All that it shows stands in the page's tables.
"use strict";
(() => {
  const one = (selector, of = document) => of.querySelector(selector);
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const make = (tag, text, values = {}) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
    return made;
  };
  const stage = one(".stage"), svg = one("svg", stage), details = one(".details"), status = one(".found");
  const rows = new Map(all("tr[data-id]").map((row) => [row.dataset.id, row]));
  const drawn = new Map(); // id of a part -> its elements in the picture
  const nodes = []; // {id, node, x, y}, those that can be chosen
  let drawing; // from the drawing's coordinates to the picture's
  const stops = []; // what keeps each table's one stop of the tab key among the rows that are shown

  // The picture names its boxes: category:NAME, task:NAME, teacher:NAME…, adapter:PATH; lines: TAIL->HEAD.
  const partOf = (box) => {
    const [kind, ...name] = box.split(":");
    if (kind === "adapter") return name.join(":");
    return rows.has(`${kind}/${name[0]}`) ? `${kind}/${name[0]}` : null;
  };
  for (const each of all("g.node, g.edge", svg)) {
    const ends = one("title", each).textContent.split("->").map(partOf);
    const id = ends.find((end) => end && !/^(category|task)\//.test(end)) || ends[0];
    if (!id || !rows.has(id)) continue;
    each.dataset.id = id;
    drawn.set(id, [...(drawn.get(id) || []), each]);
    if (!each.classList.contains("node")) continue;
    const box = each.getBBox(), middle = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2);
    const { x, y } = middle.matrixTransform((drawing ||= svg.getScreenCTM().inverse().multiply(each.getScreenCTM())));
    nodes.push({ id, node: each, x, y });
    each.setAttribute("role", "button");
    each.setAttribute("tabindex", "-1");
    each.setAttribute("aria-label", [said(id), ...all("text", each).map((text) => text.textContent)].join(" "));
  }
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Picture of the network; arrow keys go from part to part, Enter shows details");

  function said(id) {
    const said = rows.get(id).querySelector("td .state");
    return said ? `path ${id}, ${said.textContent}` : id.replace("/", " ");
  }

  // what belongs together
  const paths = all("tr[data-state]").map((row) => row.dataset.id);
  const teachers = new Map(); // path -> ids of teachers
  for (const [id, row] of rows)
    if (row.dataset.path) teachers.set(row.dataset.path, [...(teachers.get(row.dataset.path) || []), id]);

  const partsOf = (path) => {
    const [category, task] = path.split(":");
    return [`category/${category}`, `task/${task}`];
  };
  function related(id) {
    const row = rows.get(id);
    if (row.dataset.paths) return row.dataset.paths.split(" ").flatMap((path) => [path, ...partsOf(path)]);
    if (row.dataset.path) return [id, row.dataset.path, ...partsOf(row.dataset.path)];
    if (row.dataset.state) return [id, ...partsOf(id), ...(teachers.get(id) || [])];
    const there = ({ dataset, hidden }) => dataset.state !== "open" && !hidden;
    const mine = paths.filter((path) => partsOf(path).includes(id) && there(rows.get(path)));
    return [id, ...mine, ...mine.flatMap(partsOf)];
  }
  let lit = [];
  function light(id) {
    for (const each of lit) each.classList.remove("lit");
    lit = id ? [...new Set(related(id))].flatMap((part) => [rows.get(part), ...(drawn.get(part) || [])]) : [];
    lit = lit.filter(Boolean);
    for (const each of lit) each.classList.add("lit");
    svg.classList.toggle("lighting", Boolean(id));
  }

  // details
  let chosen = null;
  function choose(id) {
    for (const each of all(".chosen")) each.classList.remove("chosen");
    chosen = id && rows.has(id) ? id : null;
    details.replaceChildren();
    details.hidden = !chosen;
    document.documentElement.classList.toggle("detailed", Boolean(chosen));
    try {
      history.replaceState(null, "", `#${chosen ? encodeURIComponent(chosen) : ""}`);
    } catch {} // inside another page it may have no address
    light(chosen);
    if (!chosen) return;
    const row = rows.get(chosen), [kind, name] = row.dataset.state ? ["path", chosen] : chosen.split("/");
    for (const each of [row, ...(drawn.get(chosen) || [])]) each.classList.add("chosen");
    const close = make("button", "×", { type: "button", class: "close", "aria-label": "Close details" });
    close.addEventListener("click", () => choose(null));
    details.append(close, make("h2", `${kind} ${name}`));
    const list = make("dl"), heads = all("thead th", row.closest("table"));
    [...row.cells].forEach((cell, index) => {
      const head = heads[index].textContent;
      if (!head || ["name", "kind", kind].includes(head) || cell.textContent === "–") return;
      const value = make("dd");
      value.append(...[...cell.childNodes].map((child) => child.cloneNode(true)));
      const code = one("code[title]", value);
      if (code) code.textContent = code.title;
      list.append(make("dt", head), value);
    });
    details.append(list);
    const others = related(chosen).filter((part) => part !== chosen && rows.has(part));
    const shown = row.dataset.state || row.dataset.path ? others : others.filter((part) => rows.get(part).dataset.state);
    if (!shown.length) return;
    const items = make("ul", "", { "aria-label": "Belongs to it" });
    for (const part of new Set(shown)) {
      const item = make("li"), button = make("button", said(part), { type: "button", class: "link" });
      button.addEventListener("click", () => (choose(part), show(part)));
      item.append(button);
      items.append(item);
    }
    details.append(items);
  }

  // search, states, views
  const search = one("input[type=search]"), states = all("input[name=state]"), views = all("input[name=view]");
  const texts = new Map([...rows].map(([id, row]) => [id, row.textContent.toLowerCase()]));
  function sift() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set(states.filter((each) => !each.checked).map((each) => each.value));
    const built = views.some((each) => each.checked && each.value === "built");
    if (built) off.add("planned");
    const kept = new Set();
    for (const [id, row] of rows) {
      const found = words.every((word) => texts.get(id).includes(word)) && !off.has(row.dataset.state);
      if (found) kept.add(id);
      row.hidden = !found;
    }
    // A module or a teacher stays where one of its paths does.
    const standing = new Set([...kept].flatMap((id) => (rows.get(id).dataset.state ? related(id) : [id])));
    for (const [id, elements] of drawn)
      for (const each of elements) each.classList.toggle("off", !(rows.get(id).dataset.state ? kept : standing).has(id));
    svg.classList.toggle("as-built", built);
    const left = paths.filter((path) => kept.has(path)).length;
    status.textContent = left === paths.length ? "" : `${left} of ${paths.length} paths`;
    for (const section of all("section")) section.hidden = !all("tr[data-id]", section).some((row) => !row.hidden);
    for (const keep of stops) keep();
  }
  for (const each of [search, ...states, ...views]) each.addEventListener("input", sift);
  search.addEventListener("keydown", (event) => {
    const first = [...rows.keys()].find((id) => !rows.get(id).hidden);
    if (event.key === "Enter" && first) (choose(first), show(first));
    if (event.key === "Escape") ((search.value = ""), sift());
  });

  // pan and zoom
  const { x: left, y: top, width: wide, height: high } = svg.viewBox.baseVal;
  let base, at; // all of the picture, and what is seen of it
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  function measure() {
    const width = svg.clientWidth, whole = wide < 1.3 * width ? (width * high) / wide : high;
    const height = Math.max(208, Math.min(whole, Math.max(innerHeight * 0.68, 320)));
    svg.style.height = `${height}px`;
    const w = Math.max(wide, (high * width) / height), h = (w * height) / width;
    base = { w, h, x: left + (wide - w) / 2, y: top + (high - h) / 2 };
  }
  function look(next) {
    const w = Math.min(Math.max(next.w, base.w / 60), base.w * 1.2), h = (w * base.h) / base.w;
    const keep = (value, low, length, size) => Math.min(Math.max(value, low - size / 2), low + length - size / 2);
    at = { w, h, x: keep(next.x, left, wide, w), y: keep(next.y, top, high, h) };
    svg.setAttribute("viewBox", `${at.x} ${at.y} ${at.w} ${at.h}`);
    stage.classList.toggle("zoomed", w < base.w * 0.99);
  }
  function begin() {
    measure();
    const w = svg.clientWidth * 0.93; // readable
    look(base.w < 1.3 * svg.clientWidth ? base : { w, x: w < wide ? left : left + (wide - w) / 2, y: top });
  }
  document.documentElement.classList.add("live");
  begin();
  new ResizeObserver(() => {
    const whole = !stage.classList.contains("zoomed");
    measure();
    look(whole ? base : at);
  }).observe(stage);
  const scale = () => Math.max(at.w / svg.clientWidth, at.h / svg.clientHeight);
  function point(event) {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return { x: place.x, y: place.y };
  }
  function zoom(factor, about = { x: at.x + at.w / 2, y: at.y + at.h / 2 }) {
    const w = Math.min(Math.max(at.w / factor, base.w / 60), base.w * 1.2), by = w / at.w;
    look({ w, x: about.x - (about.x - at.x) * by, y: about.y - (about.y - at.y) * by });
  }
  const moves = { in: () => zoom(1.5), out: () => zoom(1 / 1.5), whole: () => look(base) };
  for (const button of all("button[data-zoom]")) button.addEventListener("click", moves[button.dataset.zoom]);
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), point(event));
  }, { passive: false });
  svg.addEventListener("dblclick", (event) => zoom(event.shiftKey ? 0.5 : 2, point(event)));
  const held = new Map();
  let moved = 0, apart = 0;
  svg.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, event);
    moved = apart = 0;
  });
  svg.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return;
    held.set(event.pointerId, event);
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved < 5) return;
    svg.setPointerCapture(event.pointerId);
    if (held.size === 2) {
      const [a, b] = [...held.values()], now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      if (apart) zoom(now / apart, point({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 }));
      apart = now;
    } else if (event.pointerType === "mouse" || stage.classList.contains("zoomed")) {
      look({ ...at, x: at.x - dx * scale(), y: at.y - dy * scale() });
    }
  });
  for (const name of ["pointerup", "pointercancel"])
    svg.addEventListener(name, (event) => (held.delete(event.pointerId), (apart = 0)));

  // pointing and choosing
  const idOf = (target) => target.closest?.("[data-id]")?.dataset.id;
  for (const place of [svg, ...all("tbody")]) {
    place.addEventListener("pointerover", (event) => held.size || light(idOf(event.target) || chosen));
    place.addEventListener("pointerleave", () => light(chosen));
    place.addEventListener("focusin", (event) => light(idOf(event.target) || chosen));
    place.addEventListener("focusout", () => light(chosen));
    place.addEventListener("click", (event) => {
      if (moved >= 5) return void (moved = 0); // a drag has ended
      const id = idOf(event.target);
      if (id || place === svg) choose(id);
    });
  }
  function show(id) {
    const found = nodes.find((each) => each.id === id);
    if (!found) return;
    const { x, y } = found, m = 0.06;
    const inside = x > at.x + at.w * m && x < at.x + at.w * (1 - m) && y > at.y + at.h * m && y < at.y + at.h * (1 - m);
    if (!inside) look({ ...at, x: x - at.w / 2, y: y - at.h / 2 });
  }

  // keys: one stop for the picture, one for each table
  function rove(items, item) {
    for (const each of items) if (each.tabIndex === 0) each.setAttribute("tabindex", "-1");
    item?.setAttribute("tabindex", "0");
  }
  rove([], nodes[0]?.node);
  const hiddenRow = (link) => link.closest("tr").hidden;
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function next(from, [dx, dy]) {
    let best = null, least = Infinity;
    for (const each of nodes) {
      if (each.node.classList.contains("off")) continue;
      const x = each.x - from.x, y = each.y - from.y, along = x * dx + y * dy, across = Math.abs(x * dy) + Math.abs(y * dx);
      if (along > 1 && along + 3 * across < least) [best, least] = [each, along + 3 * across];
    }
    return best;
  }
  stage.addEventListener("keydown", (event) => {
    const from = nodes.find((each) => each.node === document.activeElement), keys = { "+": "in", "=": "in", "-": "out", 0: "whole" };
    let to = null;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (keys[event.key]) moves[keys[event.key]]();
    else if (event.key === "Escape") choose(null);
    else if (!from) return;
    else if (ways[event.key]) to = next(from, ways[event.key]);
    else if (event.key === "Home") to = nodes[0];
    else if (event.key === "End") to = nodes[nodes.length - 1];
    else if (event.key === "Enter" || event.key === " ") choose(from.id);
    else return;
    event.preventDefault();
    if (!to) return;
    rove(nodes.map((each) => each.node), to.node);
    show(to.id);
    to.node.focus({ preventScroll: true });
  });
  for (const body of all("tbody")) {
    const links = [];
    for (const row of all("tr[data-id]", body)) {
      const cell = one("[data-name]", row), link = make("button", cell.textContent, { type: "button", class: "link", tabindex: "-1" });
      cell.replaceChildren(link);
      links.push(link);
    }
    rove([], links[0]);
    stops.push(() => rove(links, links.find((link) => link.tabIndex === 0 && !hiddenRow(link)) || links.find((link) => !hiddenRow(link))));
    body.addEventListener("keydown", (event) => {
      const open = links.filter((link) => !hiddenRow(link)), index = open.indexOf(document.activeElement);
      const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: open.length - 1 }[event.key];
      if (index < 0 || !open[to]) return;
      event.preventDefault();
      rove(links, open[to]);
      open[to].focus();
    });
  }

  for (const each of all(".tools")) each.hidden = false;
  sift();
  choose(decodeURIComponent(location.hash.slice(1)));
})();
