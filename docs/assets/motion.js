/* Figures that move when asked. tools/motion.py has drawn each of them still, with names on the
   parts that change. A scene turns its numbers and a time, which is whole at steps, into the
   attributes of those parts; a player turns buttons, sliders and keys into times. */
"use strict";

(() => {
  const PACE = 1300; // milliseconds from step to step
  const REST = 400; // and between two of them
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const mix = (from, to, part) => from + (to - from) * part;
  const mixed = (from, to, part) => from.map((value, i) => mix(value, to[i], part));
  const within = (value, low, high) => Math.min(Math.max(value, low), high);
  const round = (value, digits = 2) => Number(value.toFixed(digits));

  /* ---- Scenes: what tools/motion.py draws at steps, at all times ---- */

  // Half-way through a coupling stands the coupling with half the shift, which keeps areas too.
  const nice = ({axes, factors, corners, clouds, says}) => {
    const placed = ([x, y, ...moved], time) => {
      const place = [x, y];
      moved.forEach((row, layer) => {
        const part = within(time - layer, 0, 1);
        if (part) place[axes[layer]] = mixed(place[axes[layer]], row, part);
      });
      const part = within(time - axes.length, 0, 1);
      return place.map((row, axis) => row.map(value => round(value * mix(1, factors[axis], part), 1)));
    };
    const dots = ([x, y]) => x.map((value, i) => `M${value} ${y[i]}h0`).join("");
    const polygons = ([x, y], corners) => x.map((value, i) => {
      const mark = i % corners ? "L" : i ? "ZM" : "M";
      return `${mark}${value} ${y[i]}`;
    }).join("") + "Z";
    return {
      draw: time => {
        const scale = round(mix(0.58, 0.25, within(time - axes.length, 0, 1)), 4);
        const parts = {view: {transform: `scale(${scale} ${-scale})`}};
        for (const [name, cloud] of Object.entries(clouds)) {
          const place = placed(cloud, time);
          const sides = {cells: corners, marked: place[0].length}[name];
          parts[name] = {d: sides ? polygons(place, sides) : dots(place)};
        }
        return parts;
      },
      says: step => says[step],
    };
  };

  const capsules = ({steps, says}) => ({
    draw: time => {
      const before = steps[Math.floor(time) - 1], after = steps[Math.ceil(time) - 1];
      const part = time % 1, parts = {};
      for (const j of [0, 1, 2]) {
        const [shares, [cx, cy], [across, up]] = ["shares", "means", "deviations"].map(
          name => mixed(before[name][j], after[name][j], part));
        const [active] = mixed([before.activations[j]], [after.activations[j]], part);
        parts[`votes-${j + 1}`] = shares.map(
          share => ({"stroke-opacity": round(0.12 + 0.88 * share / 1000, 3)}));
        parts[`parent-${j + 1}`] = [1, 2].map(
          size => ({cx, cy, rx: size * across, ry: size * up}));
        parts[`active-${j + 1}`] = {width: round(150 * active / 1000, 1)};
      }
      return parts;
    },
    says: step => says[step - 1],
  });

  const positions = ({query, key}) => {
    const turn = 180 / Math.PI;
    const turned = (place, offset) => {
      const first = Math.atan2(query[1], query[0]) + place;
      const second = Math.atan2(key[1], key[0]) + place + offset;
      const between = Math.atan2(Math.sin(second - first), Math.cos(second - first));
      const product = Math.hypot(...query) * Math.hypot(...key) * Math.cos(second - first);
      return [first, second, between, product];
    };
    return {
      draw: (place, offset) => {
        const [first, second, between, product] = turned(place, offset);
        const end = `${round(46 * Math.cos(between))} ${round(-46 * Math.sin(between))}`;
        return {
          query: {transform: `rotate(${round(-first * turn)})`},
          key: {transform: `rotate(${round(-second * turn)})`},
          between: {d: `M46 0A46 46 0 0 ${between < 0 ? 1 : 0} ${end}`},
          product: {cx: offset * 17, cy: round(-product * 100)},
        };
      },
      says: (place, offset) => {
        const [first, second, between, product] = turned(place, offset);
        const [one, other] = [first, second].map(
          angle => ((Math.round(angle * turn) % 360) + 360) % 360);
        return (`Query at ${place}: ${one}°. Key at ${place + offset}: ${other}°. `
          + `From one to the other ${Math.round(between * turn)}°, product ${product.toFixed(2)}.`
        ).replaceAll("-", "−");
      },
    };
  };

  const scenes = {nice, capsules, positions};

  /* ---- The player ---- */

  const put = (element, attributes) => {
    if (Array.isArray(attributes)) attributes.forEach((each, i) => put(element.children[i], each));
    else for (const name in attributes) element.setAttribute(name, attributes[name]);
  };

  const start = (figure, scene) => {
    const [play, step] = figure.querySelectorAll("button");
    const [slider, ...settings] = figure.querySelectorAll("input");
    const output = figure.querySelector("output");
    const first = Number(slider.min), last = Number(slider.max);
    const returns = "returns" in figure.dataset;
    let now = Number(slider.value), fresh = true, forward = true, running = false;
    let frame = 0, timer = 0;

    const show = time => {
      now = time;
      const set = settings.map(each => Number(each.value));
      const parts = scene.draw(now, ...set);
      for (const name in parts) put(figure.querySelector(`[data-part="${name}"]`), parts[name]);
      slider.value = now;
      const words = scene.says(Math.floor(now), ...set);
      if (output.textContent !== words) output.textContent = words;
      const back = returns && !fresh && now === last;
      play.textContent = running ? "Pause" : back ? "Play back" : "Play";
    };

    const halt = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      running = fresh = false;
    };

    const glide = (goal, then) => {
      const from = now, began = performance.now(), span = PACE * Math.abs(goal - from);
      const tick = at => {
        const part = calm.matches ? 1 : within((at - began) / span, 0, 1);
        show(part < 1 ? mix(from, goal, part * part * (3 - 2 * part)) : goal);
        if (part < 1) frame = requestAnimationFrame(tick);
        else timer = setTimeout(then, calm.matches ? PACE : REST);
      };
      frame = requestAnimationFrame(tick);
    };

    const onward = () => {
      const goal = forward ? Math.floor(now) + 1 : Math.ceil(now) - 1;
      if (figure.isConnected && goal >= first && goal <= last) return glide(goal, onward);
      halt();
      show(now);
    };

    play.addEventListener("click", () => {
      const stop = running, anew = fresh || (now === last && !returns);
      forward = anew || now === first || (forward && now < last);
      halt();
      running = !stop;
      show(running && anew ? first : now);
      if (running) onward();
    });
    step.addEventListener("click", () => {
      halt();
      forward = true;
      show(now);
      if (now === last) show(first);
      else glide(Math.floor(now) + 1, () => {});
    });
    slider.step = calm.matches ? "1" : "any";
    slider.addEventListener("input", () => {
      halt();
      show(Number(slider.value));
    });
    slider.addEventListener("keydown", event => {
      const up = ["ArrowRight", "ArrowUp"].includes(event.key);
      if (!up && !["ArrowLeft", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      halt();
      show(within(up ? Math.floor(now) + 1 : Math.ceil(now) - 1, first, last));
    });
    settings.forEach(each => each.addEventListener("input", () => show(now)));
    figure.classList.add("ready");
  };

  /* ---- Numbers come when a figure comes near; a page in a folder may load them, not fetch ---- */

  const load = figure => {
    const {scene: name, source} = figure.dataset;
    const begin = () => start(figure, scenes[name](window.scenes[name]));
    if (window.scenes?.[name]) return begin();
    const script = Object.assign(document.createElement("script"), {src: source, onload: begin});
    document.head.append(script);
  };

  const near = new IntersectionObserver(entries => {
    for (const {isIntersecting, target} of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      load(target);
    }
  }, {rootMargin: "100% 0%"});

  const prepare = () => document.querySelectorAll(".motion:not(.ready)")
    .forEach(figure => near.observe(figure));
  if (window.document$) window.document$.subscribe(prepare);
  else prepare();
})();
